"""The colour of a class, the same on every page and in both themes.

The six scene colours come from a search in OKLCH: each has a contrast of 3:1 or better with the light and the dark page, and no two are
closer than 0.1 in OKLab, for typical vision and for simulated protanopia, deuteranopia and tritanopia (the six colours of Okabe and Ito
cannot do that on white: their yellow, orange and sky blue fade). Further classes get colours of the same kind, each as far as possible
from all before it.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from engine.data.class_names import sort_naturally

SCENES = {
    "buildings": "#d67a2f",
    "forest": "#2c701a",
    "glacier": "#219cd3",
    "mountain": "#894fac",
    "sea": "#5260f2",
    "street": "#d32865",
}

# Each has a contrast of 3:1 or better with both pages, so that one figure serves both themes.
ACCENT = "#118a7f"
NEUTRAL = "#7d828a"
GOOD = "#118a7f"
BAD = "#d1571f"

POOL_SIZE = 256
_MAX_SORTED = 10_000  # classes

# Linear sRGB to LMS, and the cube roots of LMS to OKLab: Ottosson (2020).
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# Full deuteranopia on linear RGB: Machado, Oliveira and Fernandes (2009).
_DEUTAN = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """Return a hex colour for each class.

    A scene class has its own colour in any dataset; the others get, in natural order, the scene colours that are left and then the
    generated ones. Always pass the dataset's whole class list, never a filtered one: the colour of a class depends on its place. A
    run of an earlier version has its classes in another order, and the same colours. Beyond about 250 classes colours repeat.
    """
    names = set(classes)
    # Sorting very many names takes a second, and their colours repeat anyway.
    ordered = sort_naturally(names) if len(names) <= _MAX_SORTED else dict.fromkeys(classes)
    others = [name for name in ordered if name not in SCENES]
    free = [colour for name, colour in SCENES.items() if name not in names]
    if len(others) > len(free):
        free += _generated()
    taken = {name: free[index % len(free)] for index, name in enumerate(others)}
    return {name: SCENES.get(name) or taken[name] for name in classes}


def linear_rgb(colours: Sequence[str]) -> np.ndarray:
    """Return the linear-light sRGB of hex colours: (n, 3) floats in [0, 1]."""
    encoded = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def luminances(linear: np.ndarray) -> np.ndarray:
    """Return the WCAG relative luminance of (n, 3) linear-light colours: (n,)."""
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def oklab(linear: np.ndarray) -> np.ndarray:
    """Return OKLab coordinates of (n, 3) linear-light colours (Ottosson, 2020)."""
    return np.cbrt(np.clip(linear, 0, None) @ _LMS.T) @ _LAB.T


@cache
def _generated() -> list[str]:
    """Return POOL_SIZE colours, each the farthest from the scene colours and from those before it."""
    pool = _candidates()
    plain, deutan = oklab(pool), oklab(pool @ _DEUTAN.T)
    scenes = linear_rgb(list(SCENES.values()))
    nearest = np.full(len(pool), np.inf)
    for usual, simulated in zip(oklab(scenes), oklab(scenes @ _DEUTAN.T), strict=True):
        nearest = np.minimum(nearest, _distance(plain, deutan, usual, simulated))
    order = []
    for _ in range(POOL_SIZE):
        pick = int(nearest.argmax())
        order.append(pick)
        nearest = np.minimum(nearest, _distance(plain, deutan, plain[pick], deutan[pick]))
    return _hexes(pool[order])


def _candidates() -> np.ndarray:
    """Return colours that are visible on both pages: (n, 3) linear-light, from a grid over OKLCH."""
    lightness, chroma, hue = np.meshgrid(np.linspace(0.48, 0.68, 11), np.linspace(0.04, 0.22, 7), np.arange(0, 360, 6))
    angle = np.radians(hue.ravel())
    lab = np.stack([lightness.ravel(), chroma.ravel() * np.cos(angle), chroma.ravel() * np.sin(angle)], axis=1)
    linear = (lab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T
    luminance = luminances(linear)
    visible = ((linear >= 0) & (linear <= 1)).all(axis=1) & (luminance > 0.125) & (luminance < 0.29)
    return linear[visible]


def _distance(plain: np.ndarray, deutan: np.ndarray, usual: np.ndarray, simulated: np.ndarray) -> np.ndarray:
    """Return the distance of each colour from one: the smaller of that for typical vision and that for deuteranopia."""
    return np.minimum(np.linalg.norm(plain - usual, axis=1), np.linalg.norm(deutan - simulated, axis=1))


def _hexes(linear: np.ndarray) -> list[str]:
    """Return (n, 3) linear-light colours as hex strings."""
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.clip(linear, 0, 1) ** (1 / 2.4) - 0.055)
    return ["#{:02x}{:02x}{:02x}".format(*row) for row in np.rint(encoded * 255).astype(int)]
