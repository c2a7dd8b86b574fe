"""Small JPEGs of the dataset's images: made when they are looked at, once, and kept by content.

A picture is named by the hash of the file's content that the catalog knows. It is shown only while the file still holds that
content: one that was deleted or rewritten since the scan is told apart, and `render_current` shows what is there now.
"""

import contextlib
import io
import os
import threading
from collections.abc import Generator
from functools import cache
from pathlib import Path

from PIL import ExifTags, Image

from engine.core.disk_cache import DiskCache, SingleFlight
from engine.core.files import content_hash
from engine.core.paths import cache_dir
from engine.data.catalog import Row
from engine.data.colour import to_srgb
from engine.data.decoding import ImageError, load_upright, read_content, to_rgb

THUMBNAIL = 320  # pixels on the longer side: sharp at the gallery's largest size on a dense screen
PREVIEW = 800  # the hover card's
FULL = 1600

LIMIT_MB = "SCENESCOPE_THUMBNAILS_MB"
_LIMIT_MB = 1024  # some fifty thousand pictures: more than a person looks at
_QUALITY = 85
_HEAVY = 1.5  # bytes a pixel above which a small original is not sent as it is

_once = SingleFlight()
# Decoding holds whole pictures in memory, and more at a time than there are processors does not go faster.
_makers = threading.BoundedSemaphore(os.cpu_count() or 1)


class ChangedError(ImageError):
    """The file holds something else than the picture that was asked for."""


def load_thumbnail(row: Row, root: Path, longest: int = THUMBNAIL) -> bytes:
    """The image upright, in sRGB, at most `longest` pixels wide and high; small originals are not enlarged.

    Raises ImageError with the reason, ChangedError where the file was rewritten since the scan.
    """
    file = row.file(root)
    status = _status(file)
    key = f"{row.hash}-{longest}.jpg"
    as_scanned = (status.st_size, status.st_mtime_ns) == (row.bytes, row.mtime_ns)
    if as_scanned and (kept := _kept().get(key)) is not None:
        return kept
    content = _read(file)
    if content_hash(content) != row.hash:
        raise ChangedError("changed since the scan")
    if _is_ready(content, longest):
        return content
    return _once((_kept().folder, key), lambda: _kept().get(key) or _make_and_keep(key, content, longest))


def render_current(row: Row, root: Path, longest: int = THUMBNAIL) -> bytes:
    """What the file holds now, scanned or not; nothing is kept. Raises ImageError."""
    file = row.file(root)
    content = _read(file)
    return content if _is_ready(content, longest) else _make(content, longest)


def load_file_thumbnail(file: Path, longest: int = THUMBNAIL) -> bytes:
    """`load_thumbnail` of a file that belongs to no catalog, as it is now. Raises ImageError."""
    content = _read(file)
    if _is_ready(content, longest):
        return content
    key = f"{content_hash(content)}-{longest}.jpg"
    return _once((_kept().folder, key), lambda: _kept().get(key) or _make_and_keep(key, content, longest))


def _make_and_keep(key: str, content: bytes, longest: int) -> bytes:
    made = _make(content, longest)
    _kept().put(key, made)
    return made


def _make(content: bytes, longest: int) -> bytes:
    with _makers:
        # At least as many pixels on the shorter side as the result has on the longer one: a third more than are needed.
        image = load_upright(content, min_size=longest // 2)
        profile = image.info.get("icc_profile")
        if image.mode == "CMYK":
            # Its profile speaks of four inks: it comes before the conversion.
            image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            image = to_rgb(to_srgb(image, profile))
        else:
            image = to_rgb(image)
            image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            image = to_srgb(image, profile)
        stream = io.BytesIO()
        image.info = {}
        image.save(stream, "JPEG", quality=_QUALITY)
        return stream.getvalue()


def _is_ready(content: bytes, longest: int) -> bool:
    """Whether the file is itself such a picture: a small, upright JPEG without a colour profile."""
    if not content.startswith(b"\xff\xd8\xff"):
        return False
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            width, height = image.size
            return (
                max(width, height) <= longest
                and image.mode in ("RGB", "L")
                and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
                and "icc_profile" not in image.info
                and len(content) <= _HEAVY * width * height
            )
    except (OSError, SyntaxError, ValueError):
        return False  # the decoder will say what is wrong


def _status(file: Path) -> os.stat_result:
    with _refusals():
        return file.stat()


def _read(file: Path) -> bytes:
    with _refusals():
        return read_content(file)[0]


@contextlib.contextmanager
def _refusals() -> Generator[None]:
    """What the system says of a file, as an ImageError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("the file is gone") from None
    except OSError as error:
        raise ImageError(f"the file cannot be read ({error.strerror})") from None


def _kept() -> DiskCache:
    return _folder(cache_dir("thumbnails"), limit_bytes())


@cache
def _folder(folder: Path, limit: int) -> DiskCache:
    return DiskCache(folder, limit)


def limit_bytes() -> int:
    """How much the kept pictures may take: SCENESCOPE_THUMBNAILS_MB, by default 1 GB."""
    said = os.environ.get(LIMIT_MB, "")
    return (int(said) if said.isdecimal() else _LIMIT_MB) * 2**20
