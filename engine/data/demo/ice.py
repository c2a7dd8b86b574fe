"""Glaciers from close by: the front that breaks off into water, and a field of crevasses."""

from __future__ import annotations

import numpy as np

from engine.data.demo.brush import (
    COLUMNS,
    ROWS,
    SIZE,
    Array,
    Rng,
    colour,
    interpolate,
    jitter,
    mix,
    smoothstep,
    texture,
    tile,
    uniform,
)
from engine.data.demo.light import Light, draw_light
from engine.data.demo.terrain import paint_mountains

HOURS = {"noon": 4, "clear": 5, "hazy": 2, "golden": 1.5, "overcast": 4, "storm": 1}


def _paint_blocks(rng: Rng, light: Light, wide: float, tall: float) -> Array:
    """A canvas of broken ice, lit from one side, blue where it is deep."""
    height = texture(rng, "cracks", wide, tall)
    fine = texture(rng, "waves", wide, tall)
    relief = -height - fine * 0.7 + texture(rng, "rough", wide) * 0.3
    lean = relief - np.roll(relief, (1, -1), (0, 1))
    lit = np.clip(0.62 + lean * uniform(rng, 1.5, 3), 0.05, 1)
    deep = (smoothstep(height, 0.3, 0.65) + 0.5 * smoothstep(fine, 0.4, 0.8)) * uniform(rng, 0.4, 0.8)
    blue, pale = jitter(rng, colour(84, 152, 196), 0.1), jitter(rng, colour(226, 236, 242), 0.03)
    dirt = smoothstep(texture(rng, "cloud", wide), 0.6, 0.8) * uniform(rng, 0, 0.6)
    body = mix(mix(pale, blue, deep), colour(104, 98, 92), dirt)
    return body * light.shine(lit) * (1 - 0.35 * smoothstep(height, 0.5, 0.85))


def paint_ice_front(rng: Rng) -> Array:
    """A wall of ice above a lake or the sea, mountains behind it."""
    light = draw_light(rng, HOURS)
    canvas = paint_mountains(rng, uniform(rng, 0.2, 0.8), uniform(rng, 0.4, 0.9), light=light)
    foot = SIZE * uniform(rng, 0.6, 0.88)
    tall = SIZE * uniform(rng, 0.1, 0.45)
    edge = interpolate(tile("rough"), COLUMNS / SIZE * 0.5 + uniform(rng, 0, 1), np.float32(0.4)) - 0.5
    swell = interpolate(tile("hills"), COLUMNS / SIZE * 0.25 + uniform(rng, 0, 1), np.float32(0.4)) - 0.5
    top = foot - tall * (1 + 0.55 * edge + 0.9 * swell)
    wall = _paint_blocks(rng, light, uniform(rng, 0.6, 1.0), uniform(rng, 0.2, 0.4))
    canvas = mix(canvas, wall * (0.75 + 0.35 * smoothstep(ROWS - top, 12, 0)), smoothstep(ROWS - top, -0.8, 0.8))
    return np.where(foot > ROWS, canvas, _paint_meltwater(rng, light, canvas, foot))


def _paint_meltwater(rng: Rng, light: Light, canvas: Array, foot: float) -> Array:
    """Water that mirrors what stands above `foot`, with floes on it."""
    ripple = (texture(rng, "waves", 0.5, 1.0) - 0.4) * uniform(rng, 4, 24)
    rows = np.clip(2 * foot - ROWS + ripple, 0, foot - 1).astype(np.int32)
    image = canvas[:, rows, np.arange(SIZE)[None, :]]
    water = mix(
        image * 0.8,
        jitter(rng, colour(74, 112, 124), 0.15) * light.shine(np.full((1, 1), 0.4, np.float32)),
        uniform(rng, 0.3, 0.7),
    )
    distance = 1 / np.maximum((ROWS - foot) / SIZE, 0.01)
    drift = interpolate(
        tile("rough"),
        (COLUMNS / SIZE - 0.5) * distance * 0.03 + uniform(rng, 0, 1),
        distance * 0.06 + np.zeros((1, SIZE), np.float32),
    )
    cut = uniform(rng, 0.55, 0.8)
    floe = jitter(rng, colour(218, 230, 238), 0.04) * light.shine(np.clip(drift, 0, 1))
    return mix(water, floe, smoothstep(drift, cut, cut + 0.03))


def paint_crevasses(rng: Rng) -> Array:
    """Broken ice that fills most of the picture, the mountains a strip at the top or out of sight."""
    light = draw_light(rng, HOURS)
    ice = _paint_blocks(rng, light, uniform(rng, 0.3, 0.8), uniform(rng, 0.4, 0.9))
    if rng.random() < 0.4:
        return ice
    canvas = paint_mountains(rng, uniform(rng, 0.1, 0.7), uniform(rng, 0.3, 0.9), light=light)
    brow = interpolate(tile("cloud"), COLUMNS / SIZE * 0.3 + uniform(rng, 0, 1), np.float32(0.2)) - 0.5
    fine = interpolate(tile("rough"), COLUMNS / SIZE * 0.6 + uniform(rng, 0, 1), np.float32(0.2)) - 0.5
    top = SIZE * (uniform(rng, 0.35, 0.65) + brow * 0.5 + fine * 0.15)
    return mix(canvas, ice, smoothstep(ROWS - top, -0.8, 0.8))
