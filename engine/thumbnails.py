"""Small JPEGs of the dataset's images, made on demand and kept by content."""

from pathlib import Path

from PIL import Image

from engine.data.catalog import Row
from engine.data.images import open_image
from engine.files import replacing
from engine.home import cache_dir

THUMBNAIL = 320  # pixels on the longer side: sharp at the gallery's largest size on a dense screen
PREVIEW = 800  # the hover card's
FULL = 1600


def jpeg(row: Row, root: Path, longest: int = THUMBNAIL) -> Path:
    """The file of the image, upright, RGB, at most `longest` pixels wide and high. Raises ImageError.

    Small originals are not enlarged. The key is the content that the catalog knows: where the file has changed since, the
    old picture stays until the next scan.
    """
    file = cache_dir("thumbnails") / str(longest) / (row.hash or "")[:2] / f"{row.hash}.jpg"
    if not file.is_file():
        image = open_image(row.file(root), at_least=longest)
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        with replacing(file) as temporary:
            image.save(temporary, "JPEG", quality=88)
    return file
