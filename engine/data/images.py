"""Any file or upload that holds a picture -> the RGB picture that a person would see."""

import contextlib
import io
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from engine.data.properties import measure

MAX_PIXELS = 100_000_000
MAX_BYTES = 100 * 1024 * 1024
EXTENSIONS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".heic",
        ".heif",
        ".avif",
        ".ppm",
        ".jp2",
    ]
)
# What the plugins were seen to raise on damaged data (AVIF: RuntimeError).
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError, EOFError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
_LARGE = 24_000_000  # pixels of a picture that is decoded alone
_one_large = threading.Lock()
# MPO, the stereo and burst pictures of phones, opens as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "HEIF", "AVIF", "PPM", "JPEG2000")

# Plugins are loaded here, once: on demand, two threads would meet half of them.
Image.init()
# The limit is checked on the header below, with a sentence of ours.
Image.MAX_IMAGE_PIXELS = None

try:
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
except ImportError:  # HEIC is the only thing lost where no wheel exists; such a file is then named as unreadable.
    pass


class ImageError(ValueError):
    """The picture cannot be read; the text says why, in words for the person who owns the file."""


class NotAnImage(ImageError):
    """The content is no picture in any format that is read here."""


def looks_like_image(path: Path | str) -> bool:
    """Whether the name claims to be a picture."""
    return os.path.splitext(path)[1].lower() in EXTENSIONS  # noqa: PTH122 (a million names a scan)


def read_content(path: Path) -> tuple[bytes, os.stat_result]:
    """The file's bytes, and what the system said of it before they were read: a file that grows meanwhile is found out later.

    Raises ImageError for what is no ordinary file (a pipe would be waited for without end) or too large, OSError where the
    system refuses.
    """
    _check_ordinary(path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_ordinary(status)
        content = file.read(MAX_BYTES + 1)
    if max(len(content), status.st_size) > MAX_BYTES:
        raise ImageError(f"too large: {max(len(content), status.st_size) / 2**20:.0f} MB, the limit is {MAX_BYTES >> 20} MB")
    return content, status


def _check_ordinary(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("no ordinary file (a folder, pipe, socket or device)")


def open_image(source: Path | bytes | BinaryIO, at_least: int | None = None) -> Image.Image:
    """The picture as RGB, upright (EXIF), alpha on white, 16-bit scaled to 8, first frame of an animation.

    `at_least` as in `load_upright`. Raises ImageError with the reason.
    """
    with _said():
        return to_rgb(load_upright(source, at_least))


def load_upright(source: Path | bytes | BinaryIO, at_least: int | None = None) -> Image.Image:
    """The picture upright (EXIF), in the mode that the file has. Raises ImageError with the reason.

    `at_least`: a JPEG may be decoded at a reduced scale whose shorter side is at least twice this many pixels
    (much faster for photos of 12 megapixels).
    """
    content = _content(source) if isinstance(source, Path) else source
    with _said():
        return _decoded(_open(content), at_least)


def _decoded(image: Image.Image, at_least: int | None) -> Image.Image:
    if at_least and image.format in ("JPEG", "MPO"):
        image.draft("RGB", (2 * at_least, 2 * at_least))
    if image.width * image.height <= _LARGE:
        image.load()
        return ImageOps.exif_transpose(image)
    # Hundreds of MB each: one at a time, and made small before anything else makes a copy of it.
    with _one_large:
        image.load()
        return ImageOps.exif_transpose(_reduced(image, at_least) if at_least else image)


def _reduced(image: Image.Image, at_least: int) -> Image.Image:
    """The picture averaged over blocks, its shorter side at least twice `at_least`."""
    factor = min(image.size) // (2 * at_least)
    if factor < 2:
        return image
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    elif image.mode not in ("L", "RGB", "RGBA", "CMYK", "I", "F"):
        image = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
    image = image.reduce(factor)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return image


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """What Pillow and its plugins raise on damaged data, as an ImageError with the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise NotAnImage("not a picture, whatever its name says") from None
    except _DAMAGE as error:
        raise ImageError(f"damaged picture ({_short(error)})") from None


def _content(path: Path) -> bytes:
    try:
        return read_content(path)[0]
    except FileNotFoundError:
        raise ImageError("the file is gone") from None
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from None


def _open(source: bytes | BinaryIO) -> Image.Image:
    stream: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source
    if source == b"":
        raise NotAnImage("empty file")
    image = Image.open(stream, formats=_FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise ImageError(f"too large: {width} x {height} pixels, the limit is {MAX_PIXELS // 1_000_000} megapixels")
    return image


class Facts(NamedTuple):
    """What is known of a picture: its size as a person sees it, and what `properties.measure` says."""

    width: int
    height: int
    brightness: float
    contrast: float
    sharpness: float
    colourfulness: float


def inspect(content: bytes) -> Facts:
    """Size and properties of a picture. Raises ImageError.

    A JPEG is decoded once, at a reduced scale: that reads every byte, so the truncated ones are found, at a fraction of the time.
    """
    with _said():
        image = _open(content)
        width, height = image.size
        sideways = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        picture = to_rgb(_decoded(image, at_least=64))
    return Facts(*((height, width) if sideways else (width, height)), *measure(picture))


def _short(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:80]


def to_rgb(image: Image.Image) -> Image.Image:
    """Alpha on white, 16 and 32 bits scaled to 8; a colour profile is not looked at (`engine.data.colour` does)."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16- and 32-bit greyscale, scaled by what the format can hold (or by its range, where values are floats)."""
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F" or values.max(initial=0) > 65535 or values.min(initial=0) < 0:
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        values = (values - low) / (high - low or 1.0) * 65535
    return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")


def square(image: Image.Image, size: int) -> np.ndarray:
    """The picture's central square at `size` pixels: (size, size, 3) uint8.

    The one way from a picture to the network, shared by training, evaluation, prediction and Grad-CAM.
    """
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


def load_square(source: Path | bytes | BinaryIO, size: int) -> np.ndarray:
    """`square` of the picture in `source`: (size, size, 3) uint8. Raises ImageError."""
    return square(open_image(source, at_least=size), size)
