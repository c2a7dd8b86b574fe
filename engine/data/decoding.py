"""Any file or upload that holds a picture -> the RGB picture that a person would see."""

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
MAX_DRAFTED = 400_000_000  # of a JPEG, which can be decoded at an eighth of its size
MAX_BYTES = 100 * 1024 * 1024
EXTENSIONS = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".ppm", ".jp2",
))  # fmt: skip
# What the plugins were seen to raise on damaged data (AVIF: RuntimeError).
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError, EOFError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
_CUT = "damaged picture (the file ends before the picture does)"
_DAMAGED = "damaged picture (its content cannot be decoded)"
_EARLY_END = ("truncated", "not enough", "unexpected end", "end of file", "premature")
_MARKS = {jpeg_headers.MARK: "JPEG", b"\x89PNG\r\n": "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"GIF8": "GIF"}
_MOST_HELD = 400_000_000  # bytes that libjpeg may hold of a picture above `MAX_PIXELS`
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


def file_too_large(size: int, limit: int) -> str:
    """The one sentence for a picture's file of more bytes than are taken, wherever it comes from; the file's name goes before it."""
    return f"too large: {size / 2**20:.1f} MB, the limit is {limit / 2**20:g} MB per picture"


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
        raise ImageError(file_too_large(max(len(content), status.st_size), MAX_BYTES))
    return content, status


def _check_ordinary(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file (a folder, pipe, socket or device)")


def open_image(source: Path | bytes | BinaryIO, min_size: int | None = None) -> Image.Image:
    """The picture as RGB, upright (EXIF), alpha and colour key on white, deep greys scaled to 8 bits, first frame of an animation.

    `min_size` as in `load_upright`. Raises ImageError with the reason.
    """
    with _said():
        return to_rgb(load_upright(source, min_size))


def load_upright(source: Path | bytes | BinaryIO, min_size: int | None = None) -> Image.Image:
    """The picture upright (EXIF), in the mode that the file has, or 8-bit grey for a deeper one. Raises ImageError with the reason.

    `min_size`: a JPEG may be decoded at a reduced scale whose shorter side is at least twice this many pixels
    (much faster for photos of 12 megapixels). A JPEG above `MAX_PIXELS` always comes at an eighth of its size.
    """
    content = _content(source) if isinstance(source, Path) else source
    with _said():
        return _load(content if isinstance(content, bytes) else content.read(), min_size).image


class _Loaded(NamedTuple):
    """An upright picture, its size before it was reduced, and what is to be said of it although it could be read."""

    image: Image.Image
    size: tuple[int, int]
    note: str = ""


def _load(content: bytes, min_size: int | None) -> _Loaded:
    frame = jpeg_headers.read_frame(content) if content.startswith(jpeg_headers.MARK) else None
    if frame and frame.obstacle():
        raise ImageError(frame.obstacle())
    try:
        return _decoded(_open(content, frame), min_size)
    except OSError as error:
        if not frame or not _tells_of_an_early_end(error):
            raise
    try:
        return _without_end(content, frame, min_size)
    except OSError:  # in the headers of a later pass
        raise ImageError(_CUT) from None


def _without_end(content: bytes, frame: jpeg_headers.Frame, min_size: int | None) -> _Loaded:
    """A JPEG that lost its last bytes, where they held nothing of the picture. Raises ImageError where they did."""
    ended, filled = jpeg_headers.complete(content)
    # An eighth shows whether a block is missing; of a progressive picture it would not show a missing pass.
    scale = None if frame.is_progressive else 1
    too_large = frame.is_progressive and frame.width * frame.height > _LARGE
    if too_large or _decoded(_open(ended, frame), scale).image != _decoded(_open(filled, frame), scale).image:
        raise ImageError(_CUT)
    return _decoded(_open(ended, frame), min_size)._replace(note="its last bytes are missing, but nothing of the picture")


def _decoded(image: Image.Image, min_size: int | None) -> _Loaded:
    size, pixels = image.size, image.width * image.height
    if pixels > MAX_PIXELS:
        image.draft("RGB", (image.width // 8, image.height // 8))
    elif min_size and image.format in ("JPEG", "MPO"):
        image.draft("RGB", (2 * min_size, 2 * min_size))
    if image.width * image.height <= _LARGE and pixels <= MAX_PIXELS:
        image.load()
        size = _upright(size, image)
        return _Loaded(ImageOps.exif_transpose(_plain(image)), size)
    # Hundreds of MB each: one at a time, and made small before anything else makes a copy of it.
    with _one_large:
        image.load()
        size = _upright(size, image)
        image = _plain(image)
        return _Loaded(ImageOps.exif_transpose(_reduced(image, min_size) if min_size else image), size)


def _upright(size: tuple[int, int], loaded: Image.Image) -> tuple[int, int]:
    """The size that a file states, as the picture is seen. Pillow turns a TIFF itself, and its size when it is opened."""
    sideways = loaded.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return size[::-1] if sideways else size


def _plain(image: Image.Image) -> Image.Image:
    """The picture with 8 bits per sample."""
    return _turned_like(image, _grey(image)) if high_bit_depth.is_deep(image) else image


def _grey(image: Image.Image) -> Image.Image:
    try:
        return high_bit_depth.to_grey(image)
    except high_bit_depth.NoValuesError:
        raise ImageError("empty picture: none of its pixels has a value") from None


def _turned_like(image: Image.Image, other: Image.Image) -> Image.Image:
    """The other picture, with the orientation of the first."""
    other.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    return other


def _reduced(image: Image.Image, min_size: int) -> Image.Image:
    """The picture averaged over blocks, its shorter side at least twice `min_size`."""
    factor = min(image.size) // (2 * min_size)
    if factor < 2:
        return image
    # The average of a colour key and a colour is neither.
    plain = image if image.mode in ("L", "RGB", "RGBA", "CMYK") and not _has_key(image) else None
    reduced = (plain or image.convert("RGBA" if _is_transparent(image) else "RGB")).reduce(factor)
    return _turned_like(image, reduced)


def _has_key(image: Image.Image) -> bool:
    return "transparency" in image.info


def _is_transparent(image: Image.Image) -> bool:
    return "A" in image.getbands() or _has_key(image)


@contextlib.contextmanager
def _said() -> Generator[None]:
    """What Pillow and its plugins raise on damaged data, as an ImageError with the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise NotAnImage("not a picture, whatever its name says") from None
    except MemoryError:
        raise ImageError("too large for the memory of this machine") from None
    except _DAMAGE as error:
        raise ImageError(_CUT if _tells_of_an_early_end(error) else _DAMAGED) from None


def _tells_of_an_early_end(error: BaseException) -> bool:
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
            raise ImageError(f"damaged picture, or a kind of {kind} that is not read here") from None
        raise
    width, height = image.size
    if width * height > MAX_PIXELS and not (image.format in ("JPEG", "MPO") and frame and _can_be_drafted(frame)):
        image.close()
        raise ImageError(f"too large: {width} x {height} pixels, the limit is {MAX_PIXELS // 1_000_000} megapixels")
    return image


def _can_be_drafted(frame: jpeg_headers.Frame) -> bool:
    """Whether an eighth of a large JPEG can be decoded in bounded memory."""
    return frame.width * frame.height <= MAX_DRAFTED and frame.held_bytes <= _MOST_HELD


class Facts(NamedTuple):
    """What is known of a picture: its size as a person sees it, what `properties.measure` says, and a note on its file."""

    width: int
    height: int
    brightness: float
    contrast: float
    sharpness: float
    colourfulness: float
    reason: str = ""


def inspect(content: bytes) -> Facts:
    """Size and properties of a picture. Raises ImageError.

    A JPEG is decoded once, at a reduced scale: that reads every byte, so the truncated ones are found, at a fraction of the time.
    """
    with _said():
        loaded = _load(content, min_size=64)
        picture = to_rgb(loaded.image)
    return Facts(*loaded.size, *measure(picture), loaded.note)


def to_rgb(image: Image.Image) -> Image.Image:
    """Alpha and colour key on white, deep greys scaled to 8 bits; a colour profile is not looked at (`engine.data.colour` does)."""
    if high_bit_depth.is_deep(image):
        return _grey(image).convert("RGB")
    if _is_transparent(image):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def crop_square(image: Image.Image, size: int) -> np.ndarray:
    """The picture's central square at `size` pixels: (size, size, 3) uint8.

    The one way from a picture to the network, shared by training, evaluation, prediction and Grad-CAM.
    """
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


def load_square(source: Path | bytes | BinaryIO, size: int) -> np.ndarray:
    """`square` of the picture in `source`: (size, size, 3) uint8. Raises ImageError."""
    return crop_square(open_image(source, min_size=size), size)
