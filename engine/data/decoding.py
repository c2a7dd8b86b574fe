"""Decodes a file or upload of any supported format to the RGB image that a person would see."""

import contextlib
import io
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from engine.data import high_bit_depth, jpeg_headers
from engine.data.properties import measure

MAX_PIXELS = 100_000_000
MAX_JPEG_PIXELS = 400_000_000  # a JPEG can be decoded at an eighth of its size
MAX_BYTES = 100 * 1024 * 1024
# Errors that Pillow's plugins were observed to raise on damaged data (AVIF: RuntimeError).
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError, EOFError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
_TRUNCATED = "damaged image (the file ends before the image does)"
_DAMAGED = "damaged image (its content cannot be decoded)"
_EARLY_END = ("truncated", "not enough", "unexpected end", "end of file", "premature")
_MARKS = {jpeg_headers.MARK: "JPEG", b"\x89PNG\r\n": "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"GIF8": "GIF"}
_MAX_HELD = 400_000_000  # bytes that libjpeg may hold for an image above `MAX_PIXELS`
_LARGE = 24_000_000  # pixels above which only one image is decoded at a time
_one_large = threading.Lock()
_NEARLY = 0.9  # of the pixels of a square for people, below which it would look blurred
# MPO, the format of stereo and burst photos, opens as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "HEIF", "AVIF", "PPM", "JPEG2000")

# Load all plugins now: on demand, a thread might see the half-filled registry that another one is filling.
Image.init()
# The limit is checked in `_open`, with a sentence of our own.
Image.MAX_IMAGE_PIXELS = None

try:
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
except ImportError:  # no wheel for this platform: HEIC files are then reported as unreadable
    pass


class ImageError(ValueError):
    """The image cannot be read; the message says why, in words for the person who owns the file."""


class NotAnImage(ImageError):
    """The content is not an image in any supported format."""


def file_too_large(size: int, limit: int) -> str:
    """The reason for refusing a file above the limit of bytes; the file's name goes before it."""
    return f"too large: {size / 2**20:.1f} MB, the limit is {limit / 2**20:g} MB per image"


def read_content(path: Path) -> tuple[bytes, os.stat_result]:
    """The file's bytes and its status before they were read, so that a change in the meantime shows in a later comparison.

    Raises ImageError for a file that is too large or not a regular one (reading a pipe would wait forever), OSError where the
    system refuses.
    """
    _check_ordinary(path.stat())
    # Checked again once it is open: a pipe may have taken the file's place, and O_NONBLOCK keeps even that from blocking.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_ordinary(status)
        content = file.read(MAX_BYTES + 1)
    if max(len(content), status.st_size) > MAX_BYTES:
        raise ImageError(file_too_large(max(len(content), status.st_size), MAX_BYTES))
    return content, status


def _check_ordinary(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file (a folder, pipe, socket or device)")


def open_image(source: Path | bytes | BinaryIO, min_size: int | None = None) -> Image.Image:
    """The image as RGB, upright (EXIF), transparency on white, deep greys scaled to 8 bits, first frame of an animation.

    `min_size` as in `load_upright`. Raises ImageError with the reason.
    """
    with _explain_errors():
        return to_rgb(load_upright(source, min_size))


def load_upright(source: Path | bytes | BinaryIO, min_size: int | None = None) -> Image.Image:
    """The image upright (EXIF), in the file's mode, or 8-bit grey for a deeper one. Raises ImageError with the reason.

    `min_size`: a JPEG may be decoded at a reduced scale whose shorter side is at least twice this many pixels
    (much faster for photos of 12 megapixels). A JPEG above `MAX_PIXELS` is always decoded at an eighth of its size.
    """
    content = _content(source) if isinstance(source, Path) else source
    with _explain_errors():
        return _load(content if isinstance(content, bytes) else content.read(), min_size).image


class _Loaded(NamedTuple):
    """An upright image, its size before it was reduced, and a note on a file that could be read although it is faulty."""

    image: Image.Image
    size: tuple[int, int]
    note: str = ""


def _load(content: bytes, min_size: int | None) -> _Loaded:
    frame = jpeg_headers.read_frame(content) if content.startswith(jpeg_headers.MARK) else None
    if frame and frame.obstacle():
        raise ImageError(frame.obstacle())
    try:
        return _decode(_open(content, frame), min_size)
    except OSError as error:
        if not frame or not _reports_early_end(error):
            raise
    try:
        return _load_without_end(content, frame, min_size)
    except OSError:  # the file ends in the headers of a later pass
        raise ImageError(_TRUNCATED) from None


def _load_without_end(content: bytes, frame: jpeg_headers.Frame, min_size: int | None) -> _Loaded:
    """A JPEG whose last bytes are missing, if no pixels were lost with them; otherwise raises ImageError."""
    ended, filled = jpeg_headers.complete(content)
    # Decoding at an eighth shows whether a block is missing, but not whether a progressive image lacks a pass.
    scale = None if frame.is_progressive else 1
    too_large = frame.is_progressive and frame.width * frame.height > _LARGE
    if too_large or _decode(_open(ended, frame), scale).image != _decode(_open(filled, frame), scale).image:
        raise ImageError(_TRUNCATED)
    return _decode(_open(ended, frame), min_size)._replace(note="its last bytes are missing, but no pixels")


def _decode(image: Image.Image, min_size: int | None) -> _Loaded:
    size, pixels = image.size, image.width * image.height
    if pixels > MAX_PIXELS:
        image.draft("RGB", (image.width // 8, image.height // 8))
    elif min_size and image.format in ("JPEG", "MPO"):
        image.draft("RGB", (2 * min_size, 2 * min_size))
    if image.width * image.height <= _LARGE and pixels <= MAX_PIXELS:
        image.load()
        size = _upright_size(size, image)
        return _Loaded(ImageOps.exif_transpose(_to_8_bits(image)), size)
    # Hundreds of MB each: decoded one at a time, and reduced before any other step copies them.
    with _one_large:
        image.load()
        size = _upright_size(size, image)
        image = _to_8_bits(image)
        return _Loaded(ImageOps.exif_transpose(_reduce(image, min_size) if min_size else image), size)


def _upright_size(size: tuple[int, int], loaded: Image.Image) -> tuple[int, int]:
    """The stated size as seen upright. Pillow rotates a TIFF itself, and swaps its size already when it is opened."""
    sideways = loaded.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return size[::-1] if sideways else size


def _to_8_bits(image: Image.Image) -> Image.Image:
    """The image with 8 bits per sample."""
    return _copy_orientation(image, _to_grey(image)) if high_bit_depth.is_deep(image) else image


def _to_grey(image: Image.Image) -> Image.Image:
    try:
        return high_bit_depth.to_grey(image)
    except high_bit_depth.NoValuesError:
        raise ImageError("empty image: no pixel has a value") from None


def _copy_orientation(image: Image.Image, other: Image.Image) -> Image.Image:
    """`other` with the EXIF orientation of `image`, so that it is rotated like it later."""
    other.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    return other


def _reduce(image: Image.Image, min_size: int) -> Image.Image:
    """The image averaged over blocks, its shorter side at least twice `min_size`."""
    factor = min(image.size) // (2 * min_size)
    if factor < 2:
        return image
    # Averaging a colour key with a colour gives neither, so a key becomes alpha first.
    plain = image if image.mode in ("L", "RGB", "RGBA", "CMYK") and not _has_key(image) else None
    reduced = (plain or image.convert("RGBA" if _is_transparent(image) else "RGB")).reduce(factor)
    return _copy_orientation(image, reduced)


def _has_key(image: Image.Image) -> bool:
    return "transparency" in image.info


def _is_transparent(image: Image.Image) -> bool:
    return "A" in image.getbands() or _has_key(image)


@contextlib.contextmanager
def _explain_errors() -> Generator[None]:
    """Raise the errors of Pillow and its plugins on damaged data as ImageErrors with the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise NotAnImage("not an image, despite its name") from None
    except MemoryError:
        raise ImageError("too large for the memory of this machine") from None
    except _DAMAGE as error:
        raise ImageError(_TRUNCATED if _reports_early_end(error) else _DAMAGED) from None


def _reports_early_end(error: BaseException) -> bool:
    return isinstance(error, EOFError) or any(word in str(error).lower() for word in _EARLY_END)


def _content(path: Path) -> bytes:
    try:
        return read_content(path)[0]
    except FileNotFoundError:
        raise ImageError("the file is gone") from None
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from None


def _open(content: bytes, frame: jpeg_headers.Frame | None = None) -> Image.Image:
    if content == b"":
        raise NotAnImage("empty file")
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError:
        if kind := next((name for mark, name in _MARKS.items() if content.startswith(mark)), ""):
            raise ImageError(f"damaged image, or a kind of {kind} that is not supported") from None
        raise
    width, height = image.size
    if width * height > MAX_PIXELS and not (image.format in ("JPEG", "MPO") and frame and _can_be_reduce(frame)):
        image.close()
        raise ImageError(f"too large: {width} x {height} pixels, the limit is {MAX_PIXELS // 1_000_000} megapixels")
    return image


def _can_be_reduce(frame: jpeg_headers.Frame) -> bool:
    """Whether a large JPEG can be decoded at an eighth of its size in limited memory."""
    return frame.width * frame.height <= MAX_JPEG_PIXELS and frame.held_bytes <= _MAX_HELD


class Facts(NamedTuple):
    """Facts about an image: its upright size, the results of `properties.measure`, and a note on a faulty file."""

    width: int
    height: int
    brightness: float
    contrast: float
    sharpness: float
    colourfulness: float
    reason: str = ""


def inspect(content: bytes) -> Facts:
    """Size and properties of an image. Raises ImageError.

    A JPEG is decoded at a reduced scale: this still reads every byte, so truncated files are detected, in a fraction of the time.
    """
    with _explain_errors():
        loaded = _load(content, min_size=64)
        image = to_rgb(loaded.image)
    return Facts(*loaded.size, *measure(image), loaded.note)


def to_rgb(image: Image.Image) -> Image.Image:
    """The image as RGB: transparency on white, deep greys scaled to 8 bits. Ignores colour profiles (see `engine.data.colour`)."""
    if high_bit_depth.is_deep(image):
        return _to_grey(image).convert("RGB")
    if _is_transparent(image):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def crop_square(image: Image.Image, size: int) -> np.ndarray:
    """The image's central square at `size` pixels: (size, size, 3) uint8.

    The only way from an image to a network, shared by training, evaluation, prediction and Grad-CAM.
    """
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


class Squares(NamedTuple):
    """The central square of an image as a network sees it, and a larger one for people: (size, size, 3) uint8 each."""

    network: np.ndarray
    display: np.ndarray


def load_squares(source: Path | bytes, size: int, display: int) -> Squares:
    """`load_square` at two sizes, from one decoding wherever it has the pixels for both. Raises ImageError."""
    with _explain_errors():
        loaded = _load(_content(source) if isinstance(source, Path) else source, min_size=size)
        image = to_rgb(loaded.image)
    has_pixels = min(image.size) >= _NEARLY * min(display, *loaded.size)
    return Squares(crop_square(image, size), crop_square(image if has_pixels else open_image(source, min_size=display), display))


def load_square(source: Path | bytes | BinaryIO, size: int) -> np.ndarray:
    """`crop_square` of the image in `source`: (size, size, 3) uint8. Raises ImageError."""
    return crop_square(open_image(source, min_size=size), size)
