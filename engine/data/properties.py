"""The properties of every image: size, file size, brightness, contrast, sharpness and colourfulness."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

_AREA = 128 * 128  # pixels at which images are measured, so that photos of 12 and 0.02 megapixels are comparable


@dataclass(frozen=True)
class Property:
    """A number that every image has. `skewed`: it spans orders of magnitude, so charts use a logarithmic axis."""

    name: str
    label: str
    unit: str
    help: str
    digits: int = 0
    skewed: bool = False

    def format(self, value: float) -> str:
        """The value with its unit, as text: `640 px`, `20 KB`."""
        if self.name == "bytes":
            return f"{value / 1024:,.0f} KB" if value >= 1024 else f"{value:,.0f} bytes"
        text = f"{value:,.{self.digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return f"{text} {self.unit}".strip()


_ALL = (
    Property("width", "width", "px", "Width in pixels, upright", skewed=True),
    Property("height", "height", "px", "Height in pixels, upright", skewed=True),
    Property("longest", "longest side", "px", "The longer of width and height, in pixels", skewed=True),
    Property("aspect", "aspect", "", "Width divided by height: 1 is square, above 1 is wide", 2, skewed=True),
    Property("bytes", "file size", "", "Size of the file", skewed=True),
    Property("brightness", "brightness", "", "Average brightness: 0 is black, 1 is white", 2),
    Property(
        "contrast",
        "contrast",
        "",
        "Contrast (standard deviation of brightness): 0 is one flat tone, 0.5 is half black and half white",
        2,
    ),
    Property(
        "sharpness",
        "sharpness",
        "",
        "Sharpness score (variance of the Laplacian at 16,384 pixels): low means blurred",
        skewed=True,
    ),
    Property("colourfulness", "colourfulness", "", "Hasler and Suesstrunk: 0 is grey, 33 moderate, 82 high, 109 extreme"),
)
PROPERTIES = {entry.name: entry for entry in _ALL}
MEASURED = ("brightness", "contrast", "sharpness", "colourfulness")


def measure(image: Image.Image) -> tuple[float, float, float, float]:
    """Brightness, contrast, sharpness and colourfulness of an RGB image, in the order of `MEASURED`.

    The image is first resized to about 16,384 pixels with its aspect kept, so that sharpness means the same at every resolution.
    Luma is ITU-R BT.601, 0..1 for brightness and contrast, 0..255 for sharpness. Sharpness: variance of the 4-neighbour
    Laplacian (LAPV in Pertuz, Puig and Garcia, "Analysis of focus measure operators for shape-from-focus", 2013).
    Colourfulness: M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images", 2003.
    """
    small = image.resize(_fixed_size(*image.size), Image.Resampling.BILINEAR)
    luma = np.asarray(small.convert("L"), np.float32)
    red, green, blue = np.asarray(small, np.float32).transpose(2, 0, 1)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    colourfulness = math.hypot(red_green.std(), yellow_blue.std()) + 0.3 * math.hypot(red_green.mean(), yellow_blue.mean())
    return float(luma.mean() / 255), float(luma.std() / 255), float(_laplacian(luma).var()), colourfulness


def _fixed_size(width: int, height: int) -> tuple[int, int]:
    scale = math.sqrt(_AREA / (width * height))
    return max(3, round(width * scale)), max(3, round(height * scale))


def _laplacian(luma: np.ndarray) -> np.ndarray:
    inner = luma[1:-1, 1:-1]
    return luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * inner
