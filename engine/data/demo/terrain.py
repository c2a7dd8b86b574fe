"""High mountains and ice: one landscape renderer for two classes, which differ in how much ice there is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from engine.data.demo.brush import (
    COLUMNS,
    ROWS,
    SIZE,
    Array,
    Mask,
    Rng,
    colour,
    gradients,
    interpolate,
    jitter,
    mix,
    sample_nearest,
    smoothstep,
    texture,
    tile,
    uniform,
)
from engine.data.demo.light import Light, add_haze, draw_light, paint_sky

STEPS = 150  # depths at which each column of the canvas looks at the ground
ROCKS = (colour(112, 106, 102), colour(138, 118, 98), colour(92, 92, 98), colour(150, 104, 78), colour(74, 72, 70))
GREENS = (colour(62, 84, 44), colour(92, 104, 56), colour(44, 64, 44), colour(120, 112, 66), colour(78, 96, 60))


@dataclass(frozen=True)
class Relief:
    """The ground of one scene. `horizon` is a row of the canvas, `heading` is in radians, lengths and heights are in tiles.

    `field`: the tile of heights. `eye`: the height of the camera. `near`, `far`: the distances that are drawn. `spread`: the width of
    the view per distance. `origin`: where the camera stands. `valley`: the width of the low ground before it.
    """

    field: str
    eye: float
    height: float
    near: float
    far: float
    spread: float
    horizon: float
    origin: tuple[float, float]
    heading: float
    valley: float
    ice_level: float
    ice_tilt: float
    roughness: float

    def place(self, depth: Array, columns: Array) -> tuple[Array, Array, Array]:
        """(u, v) on the tile and the sideways distance of the points at `depth` behind `columns`."""
        aside = depth * (columns / SIZE - 0.5) * self.spread
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return self.origin[0] + depth * cos - aside * sin, self.origin[1] + depth * sin + aside * cos, aside

    def rise(self, depth: Array, aside: Array) -> Array:
        """How much of the relief there is at a point: little in the valley before the camera, all of it far away."""
        sides = smoothstep(np.abs(aside) + depth * 0.22, self.valley * 0.35, self.valley * 1.6)
        return self.height * (0.1 + 0.9 * sides)

    def ice(self, depth: Array) -> Array:
        """The height of the ice, which falls from the far end of the valley toward the eye."""
        return self.ice_level + self.ice_tilt * depth


def march_depth(relief: Relief) -> Array:
    """The distance seen at each pixel, (SIZE, SIZE), infinite where there is sky: a height field drawn front to back."""
    # Geometric, because what is near takes up more of the canvas.
    depth = np.geomspace(relief.near, relief.far, STEPS, dtype=np.float32)[:, None]
    u, v, aside = relief.place(depth, COLUMNS)
    ground = np.maximum(interpolate(tile(relief.field), u, v) * relief.rise(depth, aside), relief.ice(depth))
    rows = relief.horizon - (ground - relief.eye) * SIZE / (depth * relief.spread)
    # What stands lower than something nearer is hidden: only the highest point so far counts.
    skyline = np.minimum.accumulate(rows, axis=0)
    filled = np.clip(np.ceil(skyline), 0, SIZE).astype(np.int32)
    # A histogram and its cumulative sum find the step that fills each pixel without a loop over the steps.
    counts = np.bincount((filled * SIZE + np.arange(SIZE)).ravel(), minlength=(SIZE + 1) * SIZE).reshape(SIZE + 1, SIZE)
    hidden = np.cumsum(counts[::-1], axis=0)[::-1][1:]  # how many steps stay below each pixel
    last = np.clip(hidden, 1, STEPS - 1)
    across = np.arange(SIZE)[None, :]
    low, high = skyline[last - 1, across], skyline[last, across]
    part = np.clip((low - ROWS) / np.maximum(low - high, 1e-4), 0, 1)
    # Between two steps the depth is interpolated, or slopes would be terraced.
    start, stop = depth[last - 1, 0], depth[last, 0]
    return np.where(hidden >= STEPS, np.float32(np.inf), start + (stop - start) * part)


def paint_mountains(rng: Rng, ice: float, snow: float, lake: bool = False, light: Light | None = None) -> Array:
    """A canvas of mountains: `ice` is the share of the ground under glacier, `snow` how far down the snow comes (0..1).

    With `lake`, water that mirrors the slopes lies where the ice would.
    """
    light = light or draw_light(rng)
    relief = _draw_relief(rng, ice, "alps" if rng.random() < 0.5 else "peaks")
    return _compose(rng, light, relief, snow, lake)


def paint_hills(rng: Rng, snow: float, lake: bool) -> Array:
    """A canvas of old, rounded mountains, mostly green or brown."""
    relief = _draw_relief(rng, 0.25 if lake else 0.0, "hills")
    return _compose(rng, draw_light(rng), relief, snow, lake)


def _compose(rng: Rng, light: Light, relief: Relief, snow: float, lake: bool) -> Array:
    if lake:
        relief = replace(relief, ice_tilt=0.0)  # water is level
    depth = march_depth(relief)
    ground = np.isfinite(depth)
    far = np.where(ground, depth, relief.far)
    land, flat = _paint_land(rng, relief, light, far, snow)
    thick = light.mood in ("hazy", "sunset", "golden") and rng.random() < 0.6
    land = add_haze(land, far, light, uniform(rng, 0.1, 0.5) * (3 if thick else 1))
    scene = mix(paint_sky(rng, light, relief.horizon), land, ground.astype(np.float32))
    if lake:
        scene = _add_mirror(rng, light, scene, flat & ground)
    return _add_mist(rng, light, scene, far) if rng.random() < 0.25 else scene


def _add_mirror(rng: Rng, light: Light, scene: Array, flat: Mask) -> Array:
    """The scene with its slopes mirrored in the flat part, a little rippled and darker."""
    shore = np.where(flat.any(0), flat.argmax(0), SIZE)[None, :]
    ripple = (texture(rng, "waves", 0.3, 1.0) - 0.4) * (ROWS - shore) / SIZE * uniform(rng, 5, 60)
    rows = np.clip(2 * shore - ROWS + ripple, 0, SIZE - 1).astype(np.int32)
    image = scene[:, rows, np.arange(SIZE)[None, :]]
    water = mix(
        image * 0.85,
        jitter(rng, colour(40, 84, 100), 0.15) * light.shine(np.full((1, 1), 0.5, np.float32)),
        uniform(rng, 0.1, 0.5),
    )
    return np.where(flat, water, scene)


def _draw_relief(rng: Rng, ice: float, field: str) -> Relief:
    height, horizon, spread = uniform(rng, 0.16, 0.36), uniform(rng, 0.3, 0.6), uniform(rng, 0.5, 1.2)
    eye = height * uniform(rng, 0.3, 0.65)
    ice_level = min(height * (0.02 + 0.38 * ice), eye - 0.02)
    return Relief(
        field=field, eye=eye, height=height, near=0.5 * (eye - ice_level) / spread,
        far=uniform(rng, 0.8, 1.6), spread=spread, horizon=SIZE * horizon,
        origin=(uniform(rng, 0, 1), uniform(rng, 0, 1)), heading=uniform(rng, 0, 6.28), valley=uniform(rng, 0.1, 0.35),
        ice_level=ice_level, ice_tilt=height * uniform(rng, 0, 0.5) * ice, roughness=uniform(rng, 0.7, 1.4),
    )  # fmt: skip


def _paint_land(rng: Rng, relief: Relief, light: Light, depth: Array, snow: float) -> tuple[Array, Mask]:
    """The lit ground at the given depths, and where it is ice."""
    u, v, aside = relief.place(depth, COLUMNS)
    rise = relief.rise(depth, aside)
    ground = interpolate(tile(relief.field), u, v) * rise
    gap = ground - relief.ice(depth)
    bumps = sample_nearest(tile("grit"), u * 3.1, v * 3.1) - 0.5
    right, down = (sample_nearest(part, u, v) * rise for part in gradients(relief.field))
    fine = [sample_nearest(part, u * 3, v * 3) * 0.2 * relief.height for part in gradients("rough")]
    facing = uniform(rng, 0, 6.28)
    lean = (right + fine[0]) * math.cos(facing) + (down + fine[1]) * math.sin(facing)
    lit = np.clip(0.5 - lean * 0.4 * relief.roughness + bumps * 0.16, 0.03, 1)
    steep = np.hypot(right, down)
    level = np.clip(ground / relief.height, 0, 1)
    bare = _paint_bare_ground(rng, level, steep, bumps, sample_nearest(tile("rough"), u * 2.3, v * 2.3))
    white = _snow_cover(rng, level, steep, bumps, snow)
    surface = mix(bare, colour(244, 246, 250), white)
    # Shaded snow is lit by the sky alone, which is blue.
    shaded = surface * light.shine(lit) + white * (1 - lit) * colour(6, 14, 34)
    return mix(_paint_ice(rng, light, u, v, depth), shaded, smoothstep(gap, -0.001, 0.003)), gap < 0


def _paint_bare_ground(rng: Rng, level: Array, steep: Array, bumps: Array, patches: Array) -> Array:
    rock = jitter(rng, ROCKS[rng.integers(len(ROCKS))], 0.1)
    green = jitter(rng, GREENS[rng.integers(len(GREENS))], 0.1)
    strata = 1 + 0.16 * np.sin(level * uniform(rng, 40, 90) + bumps * 5)
    stone = rock * (strata * (0.75 + 0.55 * patches))
    tree_line = uniform(rng, 0.02, 0.5)
    grown = smoothstep(-level - bumps * 0.25 - (patches - 0.5) * 0.4, -tree_line - 0.06, -tree_line + 0.06)
    return mix(stone, green * (0.7 + 0.7 * patches + bumps), grown * smoothstep(-steep, -2.2, -1.2))


def _snow_cover(rng: Rng, level: Array, steep: Array, bumps: Array, snow: float) -> Array:
    line = 1.02 - snow * 1.05
    wind = uniform(rng, 0.05, 0.16)
    return smoothstep(level - line + bumps * wind - smoothstep(steep, 0.6, 2.0) * 0.28, -0.03, 0.07)


def _paint_ice(rng: Rng, light: Light, u: Array, v: Array, depth: Array) -> Array:
    """Glacier ice: pale, bluer in the cracks, with dark stripes of moraine now and then."""
    scale = uniform(rng, 2.5, 6)
    along, across = u * scale, v * scale * uniform(rng, 0.5, 1)
    cracks = interpolate(tile("cracks"), along, across)
    fine = sample_nearest(tile("cracks"), along * 3, across * 3)
    clear = np.exp(-depth * 2.5)
    torn = smoothstep(interpolate(tile("cloud"), along * 0.4, across * 0.4), uniform(rng, 0.25, 0.5), 0.75)
    deep = torn * (smoothstep(cracks, 0.45, 0.75) * uniform(rng, 0.4, 1) + clear * smoothstep(fine, 0.5, 0.9) * 0.5)
    swell = interpolate(gradients("cloud")[0], along * 0.5, across * 0.5) * uniform(rng, 0.01, 0.04)
    grain = sample_nearest(tile("grit"), along, across) - 0.5
    lit = np.clip(0.66 - swell * clear - deep * 0.3 + grain * 0.2 * clear, 0.05, 1)
    pale = jitter(rng, colour(226, 236, 242), 0.03)
    blue = jitter(rng, colour(96, 160, 196), 0.08)
    body = mix(pale, blue, np.clip(deep * 0.8, 0, 1))
    if rng.random() < 0.45:
        dirt = smoothstep(interpolate(tile("cloud"), u * 0.6 + 0.3, v * 2.5), 0.58, 0.74) * uniform(rng, 0.3, 0.85)
        body = mix(body, colour(92, 88, 84), dirt * (0.6 + 0.5 * fine))
    return body * light.shine(lit)


def _add_mist(rng: Rng, light: Light, scene: Array, depth: Array) -> Array:
    """Cloud banks that lie between the near and the far slopes."""
    cloud = texture(rng, "cloud", uniform(rng, 0.25, 0.6), uniform(rng, 0.15, 0.3))
    middle = SIZE * uniform(rng, 0.3, 0.6)
    band = np.exp(-(((ROWS - middle) / (SIZE * uniform(rng, 0.08, 0.2))) ** 2))
    cover = smoothstep(cloud * band, 0.25, 0.6) * smoothstep(depth, 0.2, 0.7)
    return mix(scene, np.clip(light.ambient + light.sun * 0.75, 0, 1), cover * 0.9)
