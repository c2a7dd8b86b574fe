"""Sea scenes: open water, glitter toward a low sun, breakers on a beach, cliffs and islands, sails."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from engine.data.demo.brush import (
    COLUMNS,
    ROWS,
    SIZE,
    Array,
    Rng,
    colour,
    composite,
    gradients,
    interpolate,
    jitter,
    mix,
    rgba,
    sample_nearest,
    smoothstep,
    texture,
    tile,
    uniform,
)
from engine.data.demo.light import Light, add_haze, draw_light, paint_sky

HOURS = {"noon": 4, "clear": 4, "hazy": 2, "golden": 3, "sunset": 3, "overcast": 2, "storm": 1.5, "dusk": 1}
WATERS = (colour(14, 60, 92), colour(22, 92, 118), colour(28, 78, 84), colour(36, 112, 128), colour(20, 42, 66))
SANDS = (colour(214, 188, 146), colour(196, 172, 138), colour(168, 140, 112), colour(226, 208, 176))


def paint_seascape(rng: Rng) -> Array:
    """A canvas of sea under the sky, at random with a shore, land, sails or a breaking wave."""
    light = draw_light(rng, HOURS)
    horizon = SIZE * uniform(rng, 0.22, 0.62)
    canvas = paint_sky(rng, light, horizon)
    kind = str(rng.choice(["open", "beach", "coast", "surf"], p=[0.36, 0.32, 0.2, 0.12]))
    if kind in ("coast", "open") and rng.random() < (1 if kind == "coast" else 0.25):
        canvas = _paint_headland(rng, light, canvas, horizon, tall=0.3 if kind == "coast" else 0.07)
    distance = 1 / np.maximum((ROWS - horizon) / SIZE, 0.002)
    water = _paint_water(rng, light, canvas, horizon, distance, rough=2.2 if kind == "surf" else 1.0)
    if kind in ("beach", "surf"):
        water = _paint_shore(
            rng, light, water, distance, reach=(1 - horizon / SIZE) * (uniform(rng, 0.35, 0.85) if kind == "beach" else 1.7)
        )
    canvas = np.where(horizon > ROWS, canvas, add_haze(water, distance, light, uniform(rng, 0.001, 0.012)))
    if kind == "coast" and rng.random() < 0.5:
        canvas = _paint_rocks(rng, light, canvas)
    return _paint_sails(rng, light, canvas, horizon) if rng.random() < 0.3 else canvas


def _paint_water(rng: Rng, light: Light, above: Array, horizon: float, distance: Array, rough: float) -> Array:
    """A plane of waves that mixes the mirrored sky with the water's own colour as Fresnel's law does: flat views mirror more."""
    scale, flat = uniform(rng, 0.05, 0.16) / rough, uniform(rng, 1.5, 4)
    u = (COLUMNS / SIZE - 0.5) * distance * scale + uniform(rng, 0, 1)
    v = distance * scale * flat + uniform(rng, 0, 1) + np.zeros_like(u)
    # Far waves are smaller than a pixel and must fade, or they would alias.
    calm = np.minimum(1, 9 / distance) * uniform(rng, 0.4, 1.2) * rough
    right, down = (interpolate(part, u, v) * 0.02 + sample_nearest(part, u * 2.7, v * 2.7) * 0.012 for part in gradients("waves"))
    lean = down * calm
    mirrored = np.clip(2 * horizon - ROWS - lean * 40, 0, max(horizon - 1, 1)).astype(np.int32)
    sideways = np.clip(COLUMNS + right * calm * 12, 0, SIZE - 1).astype(np.int32)
    image = above[:, mirrored, sideways]
    depth = jitter(rng, WATERS[rng.integers(len(WATERS))], 0.1) * (light.ambient * 1.3 + light.sun * 0.8)
    fresnel = np.clip(0.22 + 0.75 * np.minimum(distance / 25, 1) - lean * 0.5, 0.05, 0.95)
    water = mix(depth * (1 + 0.5 * (interpolate(tile("waves"), u, v) - 0.4)), image, fresnel)
    water = water + _glitter(rng, light, right * calm, lean, distance)
    crests = smoothstep(interpolate(tile("waves"), u, v) + 0.5 * texture(rng, "grit", 0.4), 1.12 - 0.06 * rough, 1.3)
    return mix(water, light.ambient + light.sun, crests * uniform(rng, 0, 0.7) * np.minimum(1, 20 / distance))


def _glitter(rng: Rng, light: Light, right: Array, lean: Array, distance: Array) -> Array:
    strength = (1 - light.clouds * 0.7) * (1.4 if light.sun_y < 0.2 else 0.35)
    width = 0.05 + 0.5 / np.minimum(distance, 12) * uniform(rng, 0.3, 1)
    path = np.exp(-(((COLUMNS / SIZE - light.sun_x + right * 0.15) / width) ** 2))
    return light.sun * (path * strength * np.clip(0.35 + lean * 2.5, 0, 1.6))


def _paint_shore(rng: Rng, light: Light, water: Array, distance: Array, reach: float) -> Array:
    """Sand below a wavering waterline, with bands of foam above it; a `reach` over 1 leaves no sand in sight."""
    bend = (interpolate(tile("hills"), COLUMNS / SIZE * uniform(rng, 0.1, 0.3) + uniform(rng, 0, 1), np.float32(0.3)) - 0.5) * 0.4
    tilt = (COLUMNS / SIZE - 0.5) * uniform(rng, -0.7, 0.7) * reach
    nearness = 1 / distance
    edge = reach + bend * reach + tilt + (texture(rng, "cloud", 0.3, 0.3) - 0.5) * 0.05
    gap = nearness - edge
    grain = texture(rng, "grit", 0.6, 1.0) - 0.5 + (texture(rng, "rough", 0.25, 1.0) - 0.5) * 0.6
    sand = jitter(rng, SANDS[rng.integers(len(SANDS))], 0.08) * (1 + grain * 0.35)
    wet = 1 - 0.4 * smoothstep(-gap, -uniform(rng, 0.05, 0.2), 0.0)
    scene = mix(water, sand * wet * (light.ambient + light.sun * 0.6), smoothstep(gap, -0.004, 0.008))
    lace = texture(rng, "cracks", uniform(rng, 0.3, 0.7), uniform(rng, 0.3, 0.6))
    foam = np.exp(-((gap / 0.012) ** 2)) * (0.35 + lace)
    for offset in np.cumsum(rng.uniform(0.04, 0.12, rng.integers(1, 4))).tolist():
        line = gap + offset + (lace - 0.4) * 0.05 + (texture(rng, "cloud", 0.4, 0.2) - 0.5) * 0.1
        foam = foam + np.exp(-((line / (0.006 + offset * 0.05)) ** 2)) * smoothstep(lace, 0.2, 0.7)
    return mix(scene, np.clip(light.ambient * 1.25 + light.sun * 0.9, 0, 1), np.clip(foam, 0, 0.95))


def _paint_headland(rng: Rng, light: Light, canvas: Array, horizon: float, tall: float) -> Array:
    """Cliffs or islands on the horizon, growing toward one side of the picture."""
    for nearer in range(int(rng.integers(1, 4))):
        profile = interpolate(
            tile("hills"), COLUMNS / SIZE * uniform(rng, 0.2, 0.6) + uniform(rng, 0, 1), np.float32(nearer * 0.2)
        )
        fine = interpolate(tile("rough"), COLUMNS / SIZE * 0.7 + uniform(rng, 0, 1), np.float32(0.5)) - 0.5
        slope = (COLUMNS / SIZE - uniform(rng, 0.3, 0.7)) * (1 if rng.random() < 0.5 else -1)
        rise = (slope * uniform(rng, 0.8, 2) + profile - 0.5 + fine * 0.12) * tall * (0.5 + 0.4 * nearer)
        top = horizon - np.maximum(rise, 0) * SIZE
        rock = jitter(rng, colour(128, 112, 94), 0.12) * (0.45 + texture(rng, "peaks", 0.4, 0.25))
        grown = smoothstep(texture(rng, "rough", 0.5) - (ROWS - top) / SIZE * 4, 0.3, 0.5)
        land = mix(rock, jitter(rng, colour(74, 96, 52), 0.1), grown) * light.shine(0.2 + 0.7 * texture(rng, "peaks", 0.5))
        veiled = add_haze(land, np.float32(2.5 - nearer * 0.8), light, uniform(rng, 0.15, 0.5))
        canvas = mix(canvas, veiled, smoothstep(ROWS - top, -0.7, 0.7) * (rise > 0.002))
    return canvas


def _paint_rocks(rng: Rng, light: Light, canvas: Array) -> Array:
    """Dark boulders in the foreground, with foam at their feet."""
    heap = texture(rng, "hills", 0.35, 0.25) * 0.8 + texture(rng, "rough", 0.5) * 0.3
    lift = heap + (ROWS / SIZE - uniform(rng, 1.05, 1.35)) * 1.6 + np.abs(COLUMNS / SIZE - uniform(rng, 0.2, 0.8)) * 0.4
    stone = jitter(rng, colour(96, 84, 74), 0.12) * light.shine(texture(rng, "peaks", 0.35)) * (0.5 + heap)
    foam = np.clip(light.ambient * 1.2 + light.sun * 0.8, 0, 1)
    washed = mix(canvas, foam, smoothstep(lift, 0.0, 0.12) * smoothstep(texture(rng, "cracks", 0.5), 0.2, 0.6) * 0.8)
    return mix(washed, stone, smoothstep(lift, 0.12, 0.16))


def _paint_sails(rng: Rng, light: Light, canvas: Array, horizon: float) -> Array:
    layer = Image.new("RGBA", (SIZE, SIZE))
    draw = ImageDraw.Draw(layer)
    white = np.clip(light.ambient * 1.2 + light.sun * 0.9, 0, 1)
    for _ in range(int(rng.integers(1, 4))):
        x, tall = uniform(rng, 0.1, 0.9) * SIZE, uniform(rng, 6, 30)
        foot = horizon + tall * uniform(rng, 0.05, 0.25)
        lean = tall * uniform(rng, -0.08, 0.08)
        draw.polygon([(x, foot - tall), (x + lean, foot - 2), (x + tall * 0.4, foot - 2)], fill=rgba(white))
        draw.polygon([(x - 1, foot - tall * 0.9), (x - 1, foot - 2), (x - tall * 0.3, foot - 2)], fill=rgba(white * 0.85))
        hull = [
            (x - tall * 0.35, foot - 1),
            (x + tall * 0.45, foot - 1),
            (x + tall * 0.3, foot + tall * 0.09),
            (x - tall * 0.25, foot + tall * 0.09),
        ]
        draw.polygon(hull, fill=rgba(white * uniform(rng, 0.2, 0.7)))
        draw.rectangle((x - tall * 0.25, foot + tall * 0.1, x + tall * 0.3, foot + tall * 0.4), fill=rgba(white * 0.6, 0.3))
    return composite(canvas, layer)
