"""Image corruptions with five severities each, after Hendrycks and Dietterich (2019). No torch: the web server applies them too.

They are applied to the square that the network sees, at its input size, as in that benchmark; lengths are given for a side of 224
pixels and scale with it. The strengths of noise, shot noise, blur, brightness, contrast, JPEG and pixelation are those of the benchmark;
motion blur and darkness are this project's own. All are implemented anew, so scores are not comparable with ImageNet-C.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from engine.core.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)
_SIDE = 224  # pixels: the side that lengths are given for

# An image (size, size, 3) uint8, the strength, a random generator -> the corrupted image.
Apply = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption. `strengths`: one per severity, in the given `unit`."""

    label: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    apply: Apply


def _noise(square: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return _bytes(square / 255 + sigma * rng.standard_normal(square.shape, np.float32))


def _shot(square: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    return _bytes(rng.poisson(square * (photons / 255)) / photons)


def _blur(square: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    radius = sigma * len(square) / _SIDE
    return np.asarray(Image.fromarray(square).filter(ImageFilter.GaussianBlur(radius)))


def _motion(square: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """The mean of the image along a straight line at a random angle; beyond the edges, the outermost pixels are repeated."""
    import cv2

    pixels = max(2.0, length * len(square) / _SIDE)
    side = 2 * int(np.ceil(pixels / 2)) + 1
    angle = rng.uniform(0, np.pi)
    # Points closer together than a pixel, each spread over its four neighbours: a line of even width at any angle.
    points = np.linspace(-pixels / 2, pixels / 2, 4 * side)[:, None] * [np.cos(angle), np.sin(angle)] + side // 2
    kernel = np.zeros((side + 1, side + 1), np.float32)
    low, share = np.floor(points).astype(int), points - np.floor(points)
    for dx, dy in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
        np.add.at(kernel, (low[:, 1] + dy, low[:, 0] + dx), weight)
    kernel = kernel[:side, :side] / kernel[:side, :side].sum()
    return cv2.filter2D(square, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def _brighter(square: np.ndarray, added: float, rng: np.random.Generator) -> np.ndarray:
    """Adds to the HSV value, the largest of red, green and blue; hue and saturation stay."""
    colours = square / np.float32(255)
    value = colours.max(axis=2, keepdims=True)
    raised = np.clip(value + added, 0, 1)
    return _bytes(np.where(value > 0, colours * (raised / np.maximum(value, 1e-6)), raised))


def _darker(square: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return _bytes(square * np.float32(share / 255))


def _contrast(square: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    colours = square / np.float32(255)
    mean = colours.mean(axis=(0, 1), keepdims=True)
    return _bytes((colours - mean) * share + mean)


def _jpeg(square: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=int(quality))
    return np.asarray(Image.open(file, formats=("JPEG",)))


def _pixelated(square: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    size = len(square)
    # As many blocks at any input size above 224: a share of the size would give finer ones in a larger image.
    blocks = max(1, round(share * min(size, _SIDE)))
    image = Image.fromarray(square).resize((blocks, blocks), Image.Resampling.BOX)
    return np.asarray(image.resize((size, size), Image.Resampling.NEAREST))


def _bytes(values: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as uint8; values outside are clipped."""
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)


CORRUPTIONS: Mapping[str, Corruption] = {
    "noise": Corruption("Noise", "standard deviation, pixel values from 0 to 1", (0.08, 0.12, 0.18, 0.26, 0.38), _noise),
    "shot": Corruption("Shot noise", "photons per white pixel", (60, 25, 12, 5, 3), _shot),
    "blur": Corruption("Blur", "standard deviation, in pixels of 224", (1, 2, 3, 4, 6), _blur),
    "motion": Corruption("Motion blur", "length, in pixels of 224", (6, 10, 15, 22, 32), _motion),
    "brightness": Corruption("Brightness", "added to the HSV value, from 0 to 1", (0.1, 0.2, 0.3, 0.4, 0.5), _brighter),
    "darkness": Corruption("Darkness", "remaining share of the light", (0.7, 0.5, 0.35, 0.22, 0.12), _darker),
    "contrast": Corruption("Low contrast", "remaining share of the contrast", (0.4, 0.3, 0.2, 0.1, 0.05), _contrast),
    "jpeg": Corruption("JPEG", "quality", (25, 18, 15, 10, 7), _jpeg),
    "pixels": Corruption("Pixelation", "remaining share of the side", (0.6, 0.5, 0.4, 0.3, 0.25), _pixelated),
}


def corrupt(square: np.ndarray, name: str, severity: int, content: str) -> np.ndarray:
    """The corrupted image, (size, size, 3) uint8 like `square`; always the same for the same `content`.

    `severity`: 1 to 5. `content`: the image's hash, which seeds noise and directions, equally at each severity. Raises UserError for an
    unknown corruption.
    """
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        raise UserError(
            f"There is no corruption {name!r} of severity {severity}.",
            f"Choose one of: {', '.join(CORRUPTIONS)}; severities are 1 to 5.",
        )
    # Seeded by the image: the page and the measurement show the same damage without storing it.
    seed = int.from_bytes(hashlib.blake2b(f"{content}/{name}".encode(), digest_size=8).digest())
    corruption = CORRUPTIONS[name]
    return corruption.apply(square, corruption.strengths[severity - 1], np.random.default_rng(seed))
