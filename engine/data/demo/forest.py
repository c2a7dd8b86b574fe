"""Forest scenes: trunks in the mist, paths, conifer slopes, canopies, light shafts, autumn."""

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
from engine.data.demo.light import Light, add_haze, draw_light, paint_sky
from engine.data.demo.terrain import paint_mountains

HOURS = {"noon": 4, "clear": 2, "hazy": 4, "golden": 3, "sunset": 0.5, "overcast": 4, "dusk": 0.5}
FOLIAGE = (colour(86, 124, 48), colour(58, 96, 44), colour(112, 140, 56), colour(44, 78, 46), colour(72, 110, 70))
AUTUMN = (colour(196, 120, 40), colour(180, 76, 34), colour(206, 160, 56), colour(146, 92, 46))
BARKS = (colour(88, 70, 54), colour(64, 54, 46), colour(110, 96, 82), colour(72, 58, 50), colour(186, 180, 170))


def paint_woodland(rng: Rng) -> Array:
    """A canvas of forest: most often among the trunks, else a conifer slope or a canopy."""
    light = draw_light(rng, HOURS)
    autumn = rng.random() < 0.22
    palette = AUTUMN if autumn else FOLIAGE
    leaf = jitter(rng, palette[rng.integers(len(palette))], 0.1)
    kind = str(rng.choice(["inside", "slope", "canopy"], p=[0.62, 0.26, 0.12]))
    if kind == "inside":
        return _paint_inside(rng, light, leaf)
    if kind == "canopy":
        return _paint_canopy(rng, light, leaf)
    top = SIZE * uniform(rng, -0.05, 0.35)
    peaks = rng.random() < 0.2
    behind = paint_mountains(rng, 0.0, uniform(rng, 0.2, 0.8), light=light) if peaks else paint_sky(rng, light, top + SIZE * 0.4)
    return paint_wooded_slope(rng, light, behind, leaf, SIZE * uniform(rng, 0.3, 0.5) if peaks else top)


def paint_wooded_peaks(rng: Rng) -> Array:
    """A canvas of mountains over a wood of conifers, half forest and half mountain."""
    light = draw_light(rng)
    leaf = jitter(rng, FOLIAGE[rng.integers(len(FOLIAGE))], 0.1)
    behind = paint_mountains(rng, 0.0, uniform(rng, 0.2, 0.8), light=light)
    return paint_wooded_slope(rng, light, behind, leaf, SIZE * uniform(rng, 0.42, 0.7))


def paint_foliage(rng: Rng, light: Light, leaf: Array, zoom: float, coarse: bool = False) -> Array:
    """A canvas covered with leaves: dabs of light and shade, gathered in clumps."""
    dabs = texture(rng, "boughs" if coarse else "leaves", zoom)
    clumps = texture(rng, "rough", zoom * 0.7)
    lit = np.clip(dabs * 1.1 + (clumps - 0.5) * 0.6 - 0.02, 0.05, 1.1)
    warm = leaf + colour(46, 38, -6) * np.clip(lit - 0.4, 0, 1)
    return warm * light.shine(lit) * (0.6 + 0.9 * lit)


def _paint_inside(rng: Rng, light: Light, leaf: Array) -> Array:
    horizon = SIZE * uniform(rng, 0.5, 0.75)
    glow = np.clip(mix(light.horizon, light.shine(np.float32(0.8) * np.ones((1, 1), np.float32)), 0.3), 0, 1)
    veil = mix(leaf * 1.1, glow, uniform(rng, 0.35, 0.8))
    backdrop = mix(paint_foliage(rng, light, leaf, uniform(rng, 0.3, 0.6)), veil, uniform(rng, 0.35, 0.75))
    gaps = smoothstep(texture(rng, "rough", 0.5) + (0.5 - ROWS / SIZE) * 0.4, 0.55, 0.75) * uniform(rng, 0, 1)
    canvas = mix(backdrop, glow * 1.1, gaps)
    canvas = mix(
        canvas,
        _paint_floor(rng, light, leaf, horizon),
        smoothstep(ROWS - horizon + (texture(rng, "rough", 0.6) - 0.5) * SIZE * 0.12, -2, 8),
    )
    # From far to near, so that near trunks cover far ones.
    layers = int(rng.integers(3, 6))
    bark = jitter(rng, BARKS[rng.integers(len(BARKS))], 0.1)
    slant = uniform(rng, -0.06, 0.06)
    for number in range(layers):
        nearness = (number + 1) / layers
        canvas = _paint_trunks(rng, light, canvas, bark, veil, horizon, nearness, slant)
        if rng.random() < 0.6:
            canvas = _paint_boughs(rng, light, canvas, leaf, veil, nearness)
    canvas = _paint_undergrowth(rng, light, canvas, leaf, horizon) if rng.random() < 0.6 else canvas
    return _paint_shafts(rng, light, canvas) if light.clouds < 0.7 and rng.random() < 0.45 else canvas


def _paint_floor(rng: Rng, light: Light, leaf: Array, horizon: float) -> Array:
    """Ground in perspective: moss, needles or fallen leaves, with sun flecks, and a path through it now and then."""
    distance = 1 / np.maximum((ROWS - horizon) / SIZE, 0.015)
    u = (COLUMNS / SIZE - 0.5) * distance * 0.14 + uniform(rng, 0, 1)
    v = distance * 0.3 + uniform(rng, 0, 1) + np.zeros_like(u)
    litter = jitter(rng, (leaf, colour(128, 92, 58), colour(96, 84, 52), colour(150, 100, 50))[rng.integers(4)], 0.1)
    dabs = interpolate(tile("leaves"), u * 2, v * 2)
    flecks = smoothstep(interpolate(tile("rough"), u * 0.8, v * 0.8), 0.5, 0.68) * uniform(rng, 0.2, 1)
    ground = litter * (0.55 + 1.1 * dabs) * light.shine(0.2 + 0.75 * flecks)
    if rng.random() < 0.4:
        bend = uniform(rng, -0.25, 0.25)
        middle = 0.5 + bend * np.sin(distance * uniform(rng, 0.15, 0.4)) * 0.5
        width = uniform(rng, 0.25, 0.6) / distance
        aside = np.abs(COLUMNS / SIZE - middle) / width + (dabs - 0.5) * 0.5
        soil = jitter(rng, colour(158, 136, 108), 0.12) * (0.6 + 0.5 * dabs) * light.shine(0.3 + 0.7 * flecks)
        ground = mix(ground, soil, smoothstep(-aside, -0.6, -0.4))
    return ground


def _paint_trunks(
    rng: Rng, light: Light, canvas: Array, bark: Array, veil: Array, horizon: float, nearness: float, slant: float
) -> Array:
    """One row of trunks: nearer ones are wider, fewer and clearer."""
    count = int(rng.integers(3, 7) * (2.2 - 1.7 * nearness)) + 1
    grain = texture(rng, "rough", 0.9, 0.12)
    for _ in range(count):
        half = SIZE * (0.005 + 0.035 * nearness**2) * uniform(rng, 0.5, 1.4)
        foot = horizon + (SIZE * 1.05 - horizon) * nearness**2 * uniform(rng, 0.5, 1) + 2
        lean = slant + uniform(rng, -0.05, 0.05)
        centre = uniform(rng, -0.05, 1.05) * SIZE
        left, right = int(max(centre - half * 3 - SIZE * 0.12, 0)), int(min(centre + half * 3 + SIZE * 0.12, SIZE))
        rows = int(min(foot, SIZE))
        if right - left < 2 or rows < 2:  # out of the canvas
            continue
        columns, down = COLUMNS[:, left:right], ROWS[:rows]
        flare = half * (0.75 + 0.25 * down / SIZE + 0.9 * np.exp((down - foot) / (half * 1.5)))
        across = (columns - centre - lean * (foot - down) + (grain[:rows, left:right] - 0.5) * half * 0.4) / flare
        side = np.clip(0.6 + 0.6 * across * (1 if light.sun_x > 0.5 else -1), 0, 1) * (0.35 + grain[:rows, left:right])
        wood = mix(bark * light.shine(side) * (0.45 + 0.85 * grain[:rows, left:right]), veil, 0.75 * (1 - nearness) ** 1.2)
        cover = smoothstep(-np.abs(across), -1.0 - 0.5 / half, -1.0 + 0.5 / half)
        canvas[:, :rows, left:right] = mix(canvas[:, :rows, left:right], wood, cover)
    return canvas


def _paint_boughs(rng: Rng, light: Light, canvas: Array, leaf: Array, veil: Array, nearness: float) -> Array:
    """Foliage that hangs from above, thinner toward the ground."""
    field = texture(rng, "rough", 0.6) + (texture(rng, "leaves", 0.5) - 0.5) * 0.35
    hang = field + (uniform(rng, 0.0, 0.5) - ROWS / SIZE) * 0.9
    green = mix(paint_foliage(rng, light, leaf, 0.6 - 0.25 * nearness, coarse=nearness > 0.7), veil, 0.6 * (1 - nearness))
    return mix(canvas, green, smoothstep(hang, 0.42, 0.5))


def _paint_undergrowth(rng: Rng, light: Light, canvas: Array, leaf: Array, horizon: float) -> Array:
    mound = texture(rng, "rough", 0.5, 0.3) + (texture(rng, "leaves", 0.4) - 0.5) * 0.4
    rise = mound + (ROWS - horizon) / SIZE * uniform(rng, 0.6, 1.8) - uniform(rng, 0.1, 0.4)
    fern = paint_foliage(rng, light, jitter(rng, leaf, 0.15), uniform(rng, 0.25, 0.5))
    return mix(canvas, fern, smoothstep(rise, 0.45, 0.55))


def _paint_shafts(rng: Rng, light: Light, canvas: Array) -> Array:
    """Beams from one point above the picture."""
    source, above = uniform(rng, 0.1, 0.9), uniform(rng, 0.1, 0.4)
    angle = np.arctan2(COLUMNS / SIZE - source, ROWS / SIZE + above)
    beams = interpolate(tile("cloud"), angle * uniform(rng, 0.6, 1.2), np.float32(uniform(rng, 0, 1)))
    fall = smoothstep(beams, 0.48, 0.7) * np.clip(1.1 - ROWS / SIZE, 0, 1) * uniform(rng, 0.25, 0.6)
    return canvas + (light.sun * 0.8 + 0.1) * fall


def paint_wooded_slope(rng: Rng, light: Light, canvas: Array, leaf: Array, top: float) -> Array:
    """The canvas with ranks of conifers up a hillside that ends near row `top`, each rank paler than the one before it."""
    ranks = int(rng.integers(4, 7))
    needles = mix(leaf, colour(34, 62, 44), uniform(rng, 0.3, 0.9))
    air = uniform(rng, 0.2, 1.2)
    for number in range(ranks):
        nearness = (number + 1) / ranks
        rise = (interpolate(tile("hills"), COLUMNS / SIZE * 0.4 + uniform(rng, 0, 1), np.float32(0.1)) - 0.5) * SIZE * 0.3
        base = top + (SIZE * 0.95 - top) * nearness**1.2 + rise
        green = paint_foliage(rng, light, jitter(rng, needles, 0.08), 0.75 - 0.4 * nearness) * (0.7 + 0.5 * nearness)
        cover, shade = _row_of_conifers(rng, base, tall=SIZE * (0.06 + 0.34 * nearness**1.5))
        veiled = add_haze(green * (0.7 + 0.7 * shade), np.float32(1 - nearness), light, air)
        canvas = mix(canvas, veiled, cover)
    return canvas


def _row_of_conifers(rng: Rng, base: Array, tall: float) -> tuple[Array, Array]:
    """Cover and lighting of a row of firs that stand on `base`; the canvas below them is covered too."""
    pitch = tall * uniform(rng, 0.3, 0.45)
    place = COLUMNS / pitch + uniform(rng, 0, 9)
    cover, shade = smoothstep(ROWS - base, -2, 2), np.full((SIZE, SIZE), 0.5, np.float32)
    ragged = texture(rng, "grit", 0.5, 0.3) - 0.5
    for shift in (0.0, 0.5):
        tree = np.floor(place + shift)
        chance = tile("grit")[(tree * 37).astype(np.int32) % 512, int(shift * 200)]
        aside = (place + shift - tree - 0.5 + (chance - 0.5) * 0.4) * pitch
        height = tall * (0.35 + 1.3 * np.clip(chance - 0.1, 0, 1))
        down = ROWS - (base - height)
        tiers = 0.75 + 0.35 * ((down / (tall * 0.11)) % 1)
        width = np.clip(down, 0, None) * 0.24 * tiers + ragged * tall * 0.06
        body = smoothstep(width - np.abs(aside), -0.6, 0.8) * (down > 0)
        shade = np.where(body > 0.5, 0.5 + np.clip(aside / np.maximum(width, 1), -1, 1) * 0.5, shade)
        cover = np.maximum(cover, body)
    return cover, shade


def _paint_canopy(rng: Rng, light: Light, leaf: Array) -> Array:
    """Crowns seen from above or from across a valley: lit tops, dark gaps, a little haze toward the top."""
    cells = int(rng.integers(5, 13))
    crowns = np.zeros((SIZE, SIZE), np.float32)
    tint = np.zeros((SIZE, SIZE), np.float32)
    for y in np.linspace(-0.05, 1.1, cells * 2):
        size = SIZE / cells * (0.45 + 0.75 * max(y, 0))
        for x in rng.random(cells + 2) * 1.1 - 0.05:
            _paint_crown(rng, crowns, tint, x * SIZE, y * SIZE, size * uniform(rng, 0.6, 1.1))
    body = paint_foliage(rng, light, leaf, uniform(rng, 0.4, 0.7)) * (0.25 + 1.0 * crowns)
    varied = body * (1 + tint * colour(110, 60, -30) * uniform(rng, 0.3, 1.5))
    return add_haze(varied, np.clip(1 - ROWS / SIZE, 0, 1), light, uniform(rng, 0.0, 0.9))


def _paint_crown(rng: Rng, crowns: Array, tint: Array, x: float, y: float, radius: float) -> None:
    top, bottom = int(max(y - radius, 0)), int(min(y + radius, SIZE))
    left, right = int(max(x - radius, 0)), int(min(x + radius, SIZE))
    if top >= bottom or left >= right:
        return
    across, down = (COLUMNS[:, left:right] - x) / radius, (ROWS[top:bottom] - y) / radius
    leaves = tile("boughs")[top:bottom, left:right] - 0.4
    reach = across**2 + down**2 + leaves * 0.5
    light = np.clip(0.75 - 0.45 * across - 0.6 * down, 0.1, 1.2)
    inside = reach < 0.85
    crowns[top:bottom, left:right] = np.where(inside, light, crowns[top:bottom, left:right])
    tint[top:bottom, left:right] = np.where(inside, uniform(rng, -0.5, 1), tint[top:bottom, left:right])
