"""The faces of houses: walls, window grids, cornices, balconies, shops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.data.demo.brush import (
    SIZE,
    Array,
    Mask,
    Rng,
    Values,
    colour,
    interpolate,
    jitter,
    mix,
    sample_nearest,
    smoothstep,
    tile,
    uniform,
)
from engine.data.demo.light import Light

WALLS = (
    colour(196, 186, 170), colour(168, 92, 70), colour(214, 190, 140), colour(148, 150, 154), colour(222, 218, 210),
    colour(186, 130, 96), colour(120, 104, 94), colour(164, 176, 184), colour(206, 150, 110), colour(136, 78, 62),
)  # fmt: skip
GLASS = (colour(74, 108, 134), colour(52, 74, 92), colour(96, 130, 138), colour(60, 84, 110))

Box = tuple[float, float, float, float, float]  # x from, x to, height, z from, z to, in metres


def draw_styles(rng: Rng, boxes: list[Box], homely: bool) -> dict[str, Array]:
    """What each box is made of, one entry per box: colours (3, count), window sizes in metres and shares."""
    count = len(boxes)
    glassy = rng.random(count) < (0 if homely else uniform(rng, 0, 0.7))
    walls = np.concatenate([jitter(rng, WALLS[pick], 0.1) for pick in rng.integers(len(WALLS), size=count)], 1)[..., 0]
    panes = np.concatenate([jitter(rng, GLASS[pick], 0.12) for pick in rng.integers(len(GLASS), size=count)], 1)[..., 0]
    ribbon = rng.random(count) < (0 if homely else 0.2)
    return {
        "wall": walls, "glass": panes,
        "bay": np.where(glassy, rng.uniform(1.4, 2.4, count), rng.uniform(2.2, 4.2, count)).astype(np.float32),
        "floor": rng.uniform(2.9, 4.0, count).astype(np.float32),
        "wide": np.where(glassy | ribbon, 0.94, rng.uniform(0.3, 0.6, count)).astype(np.float32),
        "tall": np.where(glassy, 0.88, rng.uniform(0.4, 0.7, count)).astype(np.float32),
        "brick": (rng.random(count) * ~glassy).astype(np.float32),
        "balcony": ((rng.random(count) < 0.25) & ~glassy).astype(np.float32),
        "shop": (rng.random(count) < (0 if homely else 0.65)).astype(np.float32),
        "top": np.array([box[2] for box in boxes], np.float32),
    }  # fmt: skip


def stripe(place: Array, share: Values, blur: Values) -> Array:
    """1 in the middle `share` of each unit of `place`, smoothed over `blur`, so that far grids do not alias."""
    inside = share / 2 - np.abs(place - np.floor(place) - 0.5)
    sharp = np.clip(0.5 + inside / np.maximum(blur, 1e-3), 0, 1)
    return mix(sharp, share, np.clip(blur * 1.6 - 0.5, 0, 1))


def paint_facades(
    rng: Rng, light: Light, style: dict[str, Array], point: tuple[Array, Array, Array], ray: tuple[Array, Array, Array],
    near: Array, box_index: NDArray[np.integer], along_x: Mask,
) -> Array:  # fmt: skip
    """The lit faces of boxes at n points, (3, 1, n): windows, trim and shops, each box in its own style.

    `point`, `ray`, `near` and `along_x` (whether a face looks along x) are (1, n) fields, `box_index` the n indices of the boxes.
    """
    x, y, z = point
    own = {name: values[..., box_index].reshape(*values.shape[:-1], 1, -1) for name, values in style.items()}
    along = np.where(along_x, z, x)
    # Seen at an angle, a wall is foreshortened: its patterns need more blur along it. Not less than 0.05, or grazing rays divide by 0.
    skew = np.maximum(np.abs(np.where(along_x, ray[0], ray[2])), 0.05)
    foot = near * 1.1 / SIZE  # about the width of a pixel on the wall, in metres
    bays, floors = along / own["bay"], y / own["floor"]
    pane = stripe(bays, own["wide"], foot / own["bay"] / skew) * stripe(floors, own["tall"], foot / own["floor"])
    in_frame = pane * (y < own["top"] - 1.2) * (y > 0.6)
    dirt = sample_nearest(tile("rough"), along / 37, y / 90) - 0.5
    wall = own["wall"] * (1 + 0.45 * dirt + 0.2 * (sample_nearest(tile("grit"), along / 9, y / 9) - 0.5))
    courses = stripe(y * 4, 0.75, foot * 4) * stripe(along * 2 + np.floor(y * 4) * 0.5, 0.85, foot * 2 / skew)
    wall = wall * (1 - 0.28 * (1 - courses) * (own["brick"] > 0.5))
    lit = _cast_sunlight(rng, along, y, along_x, ray)
    wall = _add_trim(wall, own, y, floors, foot) * light.shine(lit)
    facade = mix(wall, _paint_windows(rng, light, own, bays, floors, ray, lit), in_frame)
    facade = _add_shops(rng, light, facade, own, along, y)
    base = 1 - 0.4 * np.exp(-y / 1.5)  # dirt and shadow near the ground
    roof = (y > own["top"] - 0.02) & (ray[1] < 0)
    return np.where(roof, colour(96, 92, 90) * light.shine(lit), facade * base)


def _cast_sunlight(rng: Rng, along: Array, y: Array, along_x: Mask, ray: tuple[Array, Array, Array]) -> Array:
    """How much sun each face gets: one wall of the street is in shade, the other up to a ragged shadow line."""
    left, front, right = rng.permutation([0.12, 0.5, 0.95])
    face = np.where(along_x, np.where(ray[0] > 0, float(right), float(left)), float(front)).astype(np.float32)
    line = uniform(rng, -4, 14) + 6 * (interpolate(tile("rough"), np.floor(along / 11) * 0.13, np.float32(0.7)) - 0.5)
    shadow = smoothstep(y - line, -0.4, 0.4)
    return np.where(face > 0.6, 0.15 + (face - 0.15) * shadow, face)


def _add_trim(wall: Array, own: dict[str, Array], y: Array, floors: Array, foot: Array) -> Array:
    """Cornice, string courses and balconies, each with its shadow."""
    below = own["top"] - y
    wall = wall * (1 + 0.28 * (below < 0.5) - 0.35 * ((below > 0.5) & (below < 1.0)))
    slab = stripe(floors + 0.5, 0.07, foot / own["floor"])
    shade = stripe(floors + 0.56, 0.08, foot / own["floor"])
    strength = 0.12 + own["balcony"] * 0.5
    return wall * (1 + slab * strength * 0.7 - shade * strength)


def _paint_windows(
    rng: Rng, light: Light, own: dict[str, Array], bays: Array, floors: Array, ray: tuple[Array, Array, Array], lit: Array
) -> Array:
    """Panes: mirrored sky, darker rooms, curtains, and lamps in the evening; drawn anew for each pane."""
    column, row = np.floor(bays).astype(np.int32), np.floor(floors).astype(np.int32)
    chance = tile("grit")[(column * 37 + row * 11) & 511, (row * 53 + column * 7) & 511]
    mirrored = mix(light.horizon, light.zenith, np.clip(np.abs(ray[1]) * 1.2 + (chance - 0.5) * 0.4, 0, 1))
    clouds = sample_nearest(tile("cloud"), bays * 0.02 + 0.3, floors * 0.03)
    glass = mix(
        own["glass"] * (light.ambient + 0.3 * light.sun),
        mirrored * (0.6 + 0.8 * clouds),
        0.25 + 0.4 * smoothstep(chance, 0.3, 0.7),
    )
    glass = glass * (0.55 + 0.5 * smoothstep(floors - np.floor(floors), 0.95, 0.55))
    evening = light.mood in ("dusk", "sunset", "storm")
    lamps = smoothstep(chance, 0.5, 0.62) if evening else smoothstep(chance, 0.82, 0.9) * 0.5
    lamp = colour(255, 206, 130) if evening else own["wall"] * light.shine(lit)
    bar = np.maximum(stripe(bays * 2 + 0.5, 0.1, np.float32(0.05)), stripe(floors * 2 + 0.4, 0.08, np.float32(0.05)))
    return mix(mix(glass, lamp, lamps * 0.8), own["wall"] * 0.8 * light.shine(lit), bar * (own["wide"] < 0.8) * 0.7)


def _add_shops(rng: Rng, light: Light, facade: Array, own: dict[str, Array], along: Array, y: Array) -> Array:
    """Awnings, signs and shop windows along the pavement."""
    cell = np.floor(along / 5).astype(np.int32)
    chance = tile("grit")[(cell * 91) & 511, int(rng.integers(512))]
    hue = np.stack([tile("grit")[(cell * 31 + k * 77) & 511, 9 * k] for k in range(3)])
    shade = light.shine(np.full((1, 1), 0.4, np.float32))
    sign = np.clip(own["wall"] * 0.6 + (hue - 0.45) * 0.7, 0.05, 1) * shade
    goods = 0.4 + 0.7 * sample_nearest(tile("rough"), along / 21, y / 17)
    inside = mix(own["glass"], colour(176, 150, 118), chance) * goods
    glow = inside * (1.1 if light.mood in ("dusk", "sunset") else 0.6 * shade + 0.25)
    is_shop = own["shop"] * (chance > 0.25)
    facade = mix(facade, glow, is_shop * ((y > 0.5) & (y < 2.7) & (np.abs(along / 2.5 - np.floor(along / 2.5) - 0.5) < 0.44)))
    return mix(facade, sign, is_shop * ((y > 2.7) & (y < 3.4)) * 0.9)
