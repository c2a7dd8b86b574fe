"""Glaciers from close by: the front that breaks off into water, and a field of crevasses."""

from __future__ import annotations

import numpy as np

from engine.data.demo.brush import COLUMNS, ROWS, SIZE, Array, Rng, between, colour, jitter, look, mix, ramp, texture, tile
from engine.data.demo.light import Light, draw_light
from engine.data.demo.terrain import alpine

HOURS = {"noon": 4, "clear": 5, "hazy": 2, "golden": 1.5, "overcast": 4, "storm": 1}


def _blocks(rng: Rng, light: Light, wide: float, tall: float) -> Array:
    """A canvas of broken ice, lit from one side, blue where it is deep."""
    height = texture(rng, "cracks", wide, tall)
    fine = texture(rng, "waves", wide, tall)
    relief = -height - fine * 0.7 + texture(rng, "rough", wide) * 0.3
    lean = relief - np.roll(relief, (1, -1), (0, 1))
    lit = np.clip(0.62 + lean * between(rng, 1.5, 3), 0.05, 1)
    deep = (ramp(height, 0.3, 0.65) + 0.5 * ramp(fine, 0.4, 0.8)) * between(rng, 0.4, 0.8)
    blue, pale = jitter(rng, colour(84, 152, 196), 0.1), jitter(rng, colour(226, 236, 242), 0.03)
    dirt = ramp(texture(rng, "cloud", wide), 0.6, 0.8) * between(rng, 0, 0.6)
    body = mix(mix(pale, blue, deep), colour(104, 98, 92), dirt)
    return body * light.shine(lit) * (1 - 0.35 * ramp(height, 0.5, 0.85))


def ice_front(rng: Rng) -> Array:
    """A wall of ice above a lake or the sea, mountains behind it."""
    light = draw_light(rng, HOURS)
    canvas = alpine(rng, between(rng, 0.2, 0.8), between(rng, 0.4, 0.9), light=light)
    foot = SIZE * between(rng, 0.6, 0.88)
    tall = SIZE * between(rng, 0.1, 0.45)
    edge = look(tile("rough"), COLUMNS / SIZE * 0.5 + between(rng, 0, 1), np.float32(0.4)) - 0.5
    swell = look(tile("hills"), COLUMNS / SIZE * 0.25 + between(rng, 0, 1), np.float32(0.4)) - 0.5
    top = foot - tall * (1 + 0.55 * edge + 0.9 * swell)
    wall = _blocks(rng, light, between(rng, 0.6, 1.0), between(rng, 0.2, 0.4))
    canvas = mix(canvas, wall * (0.75 + 0.35 * ramp(ROWS - top, 12, 0)), ramp(ROWS - top, -0.8, 0.8))
    return np.where(foot > ROWS, canvas, _meltwater(rng, light, canvas, foot))


def _meltwater(rng: Rng, light: Light, canvas: Array, foot: float) -> Array:
    """Water that mirrors what stands above `foot`, with floes on it."""
    ripple = (texture(rng, "waves", 0.5, 1.0) - 0.4) * between(rng, 4, 24)
    rows = np.clip(2 * foot - ROWS + ripple, 0, foot - 1).astype(np.int32)
    image = canvas[:, rows, np.arange(SIZE)[None, :]]
    water = mix(
        image * 0.8,
        jitter(rng, colour(74, 112, 124), 0.15) * light.shine(np.full((1, 1), 0.4, np.float32)),
        between(rng, 0.3, 0.7),
    )
    distance = 1 / np.maximum((ROWS - foot) / SIZE, 0.01)
    drift = look(
        tile("rough"),
        (COLUMNS / SIZE - 0.5) * distance * 0.03 + between(rng, 0, 1),
        distance * 0.06 + np.zeros((1, SIZE), np.float32),
    )
    cut = between(rng, 0.55, 0.8)
    floe = jitter(rng, colour(218, 230, 238), 0.04) * light.shine(np.clip(drift, 0, 1))
    return mix(water, floe, ramp(drift, cut, cut + 0.03))


def crevasses(rng: Rng) -> Array:
    """Broken ice that fills most of the picture, the mountains a strip at the top or out of sight."""
    light = draw_light(rng, HOURS)
    ice = _blocks(rng, light, between(rng, 0.3, 0.8), between(rng, 0.4, 0.9))
    if rng.random() < 0.4:
        return ice
    canvas = alpine(rng, between(rng, 0.1, 0.7), between(rng, 0.3, 0.9), light=light)
    brow = look(tile("cloud"), COLUMNS / SIZE * 0.3 + between(rng, 0, 1), np.float32(0.2)) - 0.5
    fine = look(tile("rough"), COLUMNS / SIZE * 0.6 + between(rng, 0, 1), np.float32(0.2)) - 0.5
    top = SIZE * (between(rng, 0.35, 0.65) + brow * 0.5 + fine * 0.15)
    return mix(canvas, ice, ramp(ROWS - top, -0.8, 0.8))
