"""Brushes of the demo painter: noise tiles, colours, soft masks. A canvas is (3, SIZE, SIZE) float32 in 0..1."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

# float32 at run time; numpy's stubs say float64 for what a float32 array and a Python float give, so the type is the common one.
Array = NDArray[np.floating]
Values = Array | np.floating | float  # or one number for all of a canvas
Mask = NDArray[np.bool_]
Rng = np.random.Generator
Colour = tuple[float, float, float]

SIZE = 192  # larger than the final side, so that shrinking antialiases the edges
TILE = 512

ROWS: Array = np.arange(SIZE, dtype=np.float32)[:, None]
COLUMNS: Array = np.arange(SIZE, dtype=np.float32)[None, :]


def colour(red: float, green: float, blue: float) -> Array:
    """A colour in 0..1 from the usual 0..255 figures, (3, 1, 1) so that it spreads over a canvas."""
    return np.array([red, green, blue], np.float32).reshape(3, 1, 1) / 255


def jitter(rng: Rng, base: Array, amount: float = 0.05) -> Array:
    """`base` varied a little in lightness and, less, in each channel."""
    moved = base * (1 + rng.normal(0, amount)) + base.mean() * rng.normal(0, amount / 2, (3, 1, 1))
    return np.clip(moved, 0, 1).astype(np.float32)


def mix(under: Array, over: Values, share: Values) -> Array:
    """A blend: `under` where `share` is 0, `over` where it is 1."""
    return under + (over - under) * share


def smoothstep(values: Array, low: Values, high: Values) -> Array:
    """A smooth step: 0 up to `low`, 1 from `high` on."""
    part = np.clip((values - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def uniform(rng: Rng, low: float, high: float) -> float:
    """A uniform draw as a plain float (numpy's doubles would widen float32 canvases)."""
    return float(rng.uniform(low, high))


def _noise_octave(rng: Rng, cells: int) -> Array:
    """Tileable value noise in 0..1 with `cells` periods per side."""
    wrapped = np.pad(rng.random((cells, cells), np.float32), 3, mode="wrap")
    image = Image.fromarray(wrapped)
    return np.asarray(image.resize((TILE, TILE), Image.Resampling.BICUBIC, box=(3, 3, cells + 3, cells + 3)))


def _fractal_noise(rng: Rng, first: int, gain: float) -> Array:
    total, weight, cells = np.zeros((TILE, TILE), np.float32), 1.0, first
    while cells <= TILE // 2:
        total += weight * (_noise_octave(rng, cells) - 0.5)
        weight, cells = weight * gain, cells * 2
    return np.clip(0.5 + 0.2 * total / total.std(), 0, 1)


def _ridged_noise(rng: Rng, first: int, gain: float) -> Array:
    """Ridged multifractal (Musgrave): sharp crests, detail gathered on the heights."""
    total, weight, cells = np.zeros((TILE, TILE), np.float32), 1.0, first
    carry: Values = 1.0
    while cells <= TILE // 2:
        crest = (1 - np.abs(2 * _noise_octave(rng, cells) - 1)) ** 2
        total += weight * crest * carry
        carry = np.clip(crest * 1.6, 0, 1)
        weight, cells = weight * gain, cells * 2
    return (total - total.min()) / (total.max() - total.min())


def _leaf_dabs(rng: Rng, dab: float) -> Array:
    """Overlapping leaf-like dabs; later ones are lighter, so clumps seem to catch the light."""
    image = Image.new("L", (TILE, TILE), 60)
    draw = ImageDraw.Draw(image)
    clumps = _fractal_noise(rng, 16, 0.6)
    count = int(60000 / dab**1.5)
    x, y = rng.random((2, count)) * (TILE - 2 * dab) + dab
    wide, tall = dab * rng.uniform(0.5, 1.3, (2, count))
    fresh = rng.uniform(0.3, 1, count) * np.linspace(0.4, 1, count)
    light = np.clip(30 + 150 * fresh + 200 * (clumps[y.astype(int), x.astype(int)] - 0.5), 5, 255).astype(int)
    for box, shade in zip(np.stack([x - wide, y - tall, x + wide, y + tall], 1).tolist(), light.tolist(), strict=True):
        draw.ellipse(box, fill=shade)
    return np.asarray(image, np.float32) / 255


@cache
def tile(name: str) -> Array:
    """A tileable (TILE, TILE) field in 0..1, made once per process: scenes differ in where and how they sample it."""
    rng = np.random.default_rng([7, *name.encode()])
    makers = {
        "cloud": lambda: _fractal_noise(rng, 4, 0.55),
        "rough": lambda: _fractal_noise(rng, 8, 0.8),
        "grit": lambda: _fractal_noise(rng, 64, 0.9),
        "alps": lambda: _ridged_noise(rng, 4, 0.45),
        "peaks": lambda: _ridged_noise(rng, 6, 0.4),
        "hills": lambda: _fractal_noise(rng, 5, 0.42),
        "waves": lambda: _ridged_noise(rng, 16, 0.6),
        "cracks": lambda: _ridged_noise(rng, 10, 0.5),
        "leaves": lambda: _leaf_dabs(rng, 1.8),
        "boughs": lambda: _leaf_dabs(rng, 3.2),
    }
    return makers[name]()


@cache
def _doubled_tile(name: str) -> Image.Image:
    return Image.fromarray(np.tile(tile(name), (2, 2)))


@cache
def gradients(name: str) -> tuple[Array, Array]:
    """The tile's gradient along its columns and its rows, in units per tile side."""
    field = tile(name)
    right = np.roll(field, -1, 1) - np.roll(field, 1, 1)
    down = np.roll(field, -1, 0) - np.roll(field, 1, 0)
    return right * (TILE / 2), down * (TILE / 2)


def texture(
    rng: Rng, name: str, wide: float = 0.5, tall: float | None = None, shape: tuple[int, int] = (SIZE, SIZE)
) -> Array:  # fmt: skip
    """A part of a tile at a random place, scaled so that a whole canvas would show `wide` by `tall` tiles."""
    wide, tall = wide * shape[1] / SIZE, (wide if tall is None else tall) * shape[0] / SIZE
    left, top = rng.random(2) * TILE * 0.999
    box = (left, top, min(left + wide * TILE, 2 * TILE), min(top + tall * TILE, 2 * TILE))
    shrunk = wide * TILE > shape[1] and tall * TILE > shape[0]  # then nearest pixels look as good, and are much faster
    method = Image.Resampling.NEAREST if shrunk else Image.Resampling.BILINEAR
    return np.asarray(_doubled_tile(name).resize(shape[::-1], method, box=box))


def sample_nearest(field: Array, u: Array, v: Array) -> Array:
    """The pixels of `field` nearest to (u, v), in tiles, wrapped around; for textures that are seen smaller than they are."""
    column = (u * TILE).astype(np.int32) & (TILE - 1)
    row = (v * TILE).astype(np.int32) & (TILE - 1)
    return field.ravel().take(row * TILE + column, mode="clip")  # the fastest mode; the mask above keeps everything in range


def interpolate(field: Array, u: Array, v: Values) -> Array:
    """`field` at (u, v), in tiles, wrapped around, with bilinear interpolation."""
    x, y = u * TILE, v * TILE
    left, top = np.floor(x), np.floor(y)
    across, down = x - left, y - top
    x0, y0 = left.astype(np.int32), top.astype(np.int32)
    x1, y1 = (x0 + 1) & (TILE - 1), ((y0 + 1) & (TILE - 1)) * TILE
    x0, y0 = x0 & (TILE - 1), (y0 & (TILE - 1)) * TILE
    flat = field.ravel()
    upper, upper_right = (flat.take(y0 + column, mode="clip") for column in (x0, x1))
    lower, lower_right = (flat.take(y1 + column, mode="clip") for column in (x0, x1))
    upper = upper + (upper_right - upper) * across
    return upper + (lower + (lower_right - lower) * across - upper) * down


def composite(canvas: Array, layer: Image.Image) -> Array:
    """`canvas` under an RGBA drawing of the same size."""
    over = np.asarray(layer, np.float32).transpose(2, 0, 1) / 255
    return mix(canvas, over[:3], over[3])


def rgba(shade: Array, alpha: float = 1.0) -> tuple[int, int, int, int]:
    """`shade` as a colour for Pillow."""
    red, green, blue = (int(255 * min(max(float(part), 0), 1)) for part in shade.ravel())
    return red, green, blue, int(255 * alpha)
