"""Small JPEGs of the dataset's images: created when they are first shown, and cached by content.

A thumbnail belongs to the content hash in the catalog, and is shown only while the file still has that content. A file that was
deleted or rewritten since the scan is an error; `render_current` shows what the file contains now.
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
from engine.core.limits import limit_bytes
from engine.core.paths import cache_dir
from engine.data.catalog import Row
from engine.data.colour import to_srgb
from engine.data.decoding import ImageError, load_upright, read_content, to_rgb

THUMBNAIL = 320  # pixels on the longer side: sharp at the gallery's largest size on a dense screen
PREVIEW = 800  # the hover card's
FULL = 1600

LIMIT_MB = "SCENESCOPE_THUMBNAILS_MB"
_LIMIT_MB = 1024  # about fifty thousand thumbnails: more than a person looks at
_QUALITY = 85
_HEAVY = 1.5  # bytes per pixel above which a small original is re-encoded

_once = SingleFlight()
# Decoding holds whole images in memory, and more at a time than there are processors is not faster.
_makers = threading.BoundedSemaphore(os.cpu_count() or 1)


class ChangedError(ImageError):
    """The file no longer has the content that was scanned."""


def load_thumbnail(row: Row, root: Path, longest: int = THUMBNAIL) -> bytes:
    """The image as a JPEG, upright, in sRGB, at most `longest` pixels wide and high; small originals are not enlarged.

    Raises ImageError with the reason, ChangedError where the file was rewritten since the scan.
    """
    file = row.file(root)
    status = _status(file)
    key = f"{row.hash}-{longest}.jpg"
    as_scanned = (status.st_size, status.st_mtime_ns) == (row.bytes, row.mtime_ns)
    # Size and date as scanned: the content need not be read and hashed again.
    cached = _cache().get(key) if as_scanned else None
    if cached is not None:
        return cached
    content = _read(file)
    if content_hash(content) != row.hash:
        raise ChangedError("changed since the scan")
    if _is_ready(content, longest):
        return content
    return _once((_cache().folder, key), lambda: _cache().get(key) or _make_and_cache(key, content, longest))


def render_current(row: Row, root: Path, longest: int = THUMBNAIL) -> bytes:
    """A thumbnail of the file's current content, whether scanned or not; it is not cached. Raises ImageError."""
    file = row.file(root)
    content = _read(file)
    return content if _is_ready(content, longest) else _make(content, longest)


def load_file_thumbnail(file: Path, longest: int = THUMBNAIL) -> bytes:
    """A thumbnail of a file that is in no catalog, cached by its current content. Raises ImageError."""
    content = _read(file)
    if _is_ready(content, longest):
        return content
    key = f"{content_hash(content)}-{longest}.jpg"
    return _once((_cache().folder, key), lambda: _cache().get(key) or _make_and_cache(key, content, longest))


def _make_and_cache(key: str, content: bytes, longest: int) -> bytes:
    thumbnail = _make(content, longest)
    _cache().put(key, thumbnail)
    return thumbnail


def _make(content: bytes, longest: int) -> bytes:
    with _makers:
        # This keeps at least `longest` pixels on the shorter side, about a third more than the thumbnail needs.
        image = load_upright(content, min_size=longest // 2)
        profile = image.info.get("icc_profile")
        if image.mode == "CMYK":
            # The profile describes four inks, so it is applied before the conversion to RGB.
            image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            image = to_rgb(to_srgb(image, profile))
        else:
            image = to_rgb(image)
            image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            image = to_srgb(image, profile)
        stream = io.BytesIO()
        # Pillow would save the original's profile, which no longer describes these pixels.
        image.info = {}
        image.save(stream, "JPEG", quality=_QUALITY)
        return stream.getvalue()


def _is_ready(content: bytes, longest: int) -> bool:
    """Whether the file can be sent as it is: a small, upright JPEG without a colour profile."""
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
        return False  # decoding will report what is wrong


def _status(file: Path) -> os.stat_result:
    with _explain_errors():
        return file.stat()


def _read(file: Path) -> bytes:
    with _explain_errors():
        return read_content(file)[0]


@contextlib.contextmanager
def _explain_errors() -> Generator[None]:
    """Raise the system's errors about a file as ImageErrors."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("the file is gone") from None
    except OSError as error:
        raise ImageError(f"the file cannot be read ({error.strerror})") from None


def _cache() -> DiskCache:
    return _open_cache(cache_dir("thumbnails"), limit_bytes(LIMIT_MB, _LIMIT_MB))


@cache
def _open_cache(folder: Path, limit: int) -> DiskCache:
    return DiskCache(folder, limit)
