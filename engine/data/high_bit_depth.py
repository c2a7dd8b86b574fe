"""Conversion of grey images with more than 8 bits (16-bit scans, depth maps, satellite images) to 8 bits for viewing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Bit depths of cameras and scanners, stored in 16 bits.
_DEPTHS = (8, 10, 12, 14, 16)
# Values that programs write for missing data, where the file does not declare one.
_NO_VALUE = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0)
_EXTREME = 1e38  # beyond this: the largest float, which also stands for missing data
_DIMMEST = 1 / 16  # of a full scale: floats that stay below are on another scale
_STRIP = 1_000_000  # pixels that are converted at a time
_GDAL_NO_DATA = 42113
_WHITE = 255


@dataclass(frozen=True)
class _Scale:
    """The values shown as black and white, and the one that stands for missing data."""

    black: float
    white: float
    no_value: float | None


class NoValuesError(ValueError):
    """No pixel has a value."""


def is_deep(image: Image.Image) -> bool:
    """Whether the image has more than 8 bits per sample."""
    return image.mode.startswith(("I", "F"))


def to_grey(image: Image.Image) -> Image.Image:
    """The image in mode L; white where data is missing (NaN, or the declared or a common "no data" value).

    16-bit values are scaled by the smallest bit depth that holds all of them, floats in 0..1 or 0..255 by that range, everything
    else by its own range. Raises NoValuesError.
    """
    scale = _scale(image)
    result = Image.new("L", image.size)
    for top, values in _strips(image):
        missing = _is_missing(values, scale.no_value)
        with np.errstate(all="ignore"):
            share = (values - scale.black) / ((scale.white - scale.black) or 1.0)
        grey = np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255
        result.paste(Image.fromarray(np.where(missing, _WHITE, grey.round()).astype(np.uint8)), (0, top))
    return result


def _strips(image: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first row, values as float64), a million pixels at a time, so that a large image is in memory only once."""
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        part = image.crop((0, top, image.width, min(top + rows, image.height)))
        yield top, np.asarray(part).astype(np.float64)


def _scale(image: Image.Image) -> _Scale:
    no_value = _declared_no_value(image)
    low, high = _extremes(image, no_value)
    for suspect in (low, high):
        if no_value is None and (suspect in _NO_VALUE or abs(suspect) >= _EXTREME):
            rest = _extremes(image, suspect)
            # Missing data is far from all other values: -9999 among heights, but not in an image with values around it.
            if min(abs(suspect - value) for value in rest) > rest[1] - rest[0]:
                no_value, (low, high) = suspect, rest
    return _Scale(*_ends(image, low, high), no_value)


def _ends(image: Image.Image, low: float, high: float) -> tuple[float, float]:
    """The values shown as black and white."""
    if low < 0:
        return low, high
    if image.mode == "F":
        full = next((full for full in (1.0, 255.0) if full * _DIMMEST < high <= full), None)
        return (0.0, full) if full else (low, high)
    if high > 65535:
        return low, high
    # Pillow scales PPM to 16 bits when it reads the file.
    return 0.0, 65535.0 if image.format == "PPM" else next(2.0**bits - 1 for bits in _DEPTHS if high < 2**bits)


def _extremes(image: Image.Image, no_value: float | None) -> tuple[float, float]:
    lows, highs = [], []
    for _, values in _strips(image):
        present = values[np.isfinite(values) & ~_is_missing(values, no_value)]
        if present.size:
            lows.append(present.min())
            highs.append(present.max())
    if not lows:
        raise NoValuesError
    return float(min(lows)), float(max(highs))


def _is_missing(values: np.ndarray, no_value: float | None) -> np.ndarray:
    missing = np.isnan(values)
    return missing if no_value is None else missing | (values == no_value)


def _declared_no_value(image: Image.Image) -> float | None:
    """The value that the file declares as "no data" (GeoTIFF) or as transparent (PNG)."""
    key = image.info.get("transparency")
    if isinstance(key, int):
        return float(key)
    try:
        return float(str(getattr(image, "tag_v2", {})[_GDAL_NO_DATA]).strip("\0 "))
    except (KeyError, ValueError):
        return None
