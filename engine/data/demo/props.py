"""What stands in the streets of a town: cars, people, lamp posts, trees, pitched roofs."""

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
    jitter,
    mix,
    rgba,
    smoothstep,
    texture,
    uniform,
)
from engine.data.demo.light import Light
from engine.data.demo.town import Box, Eye, Street

PAINTS = (
    colour(182, 34, 34), colour(228, 228, 230), colour(40, 42, 46), colour(58, 84, 138), colour(150, 154, 160),
    colour(206, 168, 50), colour(60, 96, 74),
)  # fmt: skip
TILES = (colour(150, 78, 56), colour(104, 88, 82), colour(122, 60, 48), colour(84, 86, 92), colour(160, 110, 80))
LEAVES = (colour(84, 118, 52), colour(66, 98, 48), colour(110, 128, 60), colour(176, 130, 50))

Point = tuple[float, float, float]


class Stage:
    """A transparent drawing over a town scene, in metres; draw nearer things later."""

    def __init__(self, eye: Eye, light: Light) -> None:
        self.eye, self.light = eye, light
        self.layer = Image.new("RGBA", (SIZE, SIZE))
        self.draw = ImageDraw.Draw(self.layer)

    def fill_polygon(self, points: list[Point], shade: Array, lit: float, alpha: float = 1.0) -> None:
        """Fill a polygon, `lit` from 0 in the shade to 1 in the sun."""
        corners = [self.eye.project(*point) for point in points]
        if all(corner is not None for corner in corners):
            self.draw.polygon([c for c in corners if c], fill=rgba(shade * (self.light.ambient + self.light.sun * lit), alpha))

    def fill_circle(self, point: Point, radius: float, shade: Array, squeeze: float = 1.0) -> None:
        """Fill a circle that faces the eye; `squeeze` makes it narrower."""
        middle, above = self.eye.project(*point), self.eye.project(point[0], point[1] + radius, point[2])
        if middle and above:
            tall = abs(middle[1] - above[1])
            box = (middle[0] - tall * squeeze, middle[1] - tall, middle[0] + tall * squeeze, middle[1] + tall)
            self.draw.ellipse(box, fill=rgba(shade * (self.light.ambient + self.light.sun * 0.5)))

    def draw_block(self, x: float, z: float, wide: float, long: float, low: float, high: float, shade: Array) -> None:
        """A box on the ground: the three faces that the eye can see."""
        x0, x1, z0, z1 = x - wide / 2, x + wide / 2, z, z + long
        side = x1 if x < self.eye.x else x0
        self.fill_polygon([(side, low, z0), (side, low, z1), (side, high, z1), (side, high, z0)], shade, 0.35)
        self.fill_polygon([(x0, high, z0), (x1, high, z0), (x1, high, z1), (x0, high, z1)], shade, 0.9)
        self.fill_polygon([(x0, low, z0), (x1, low, z0), (x1, high, z0), (x0, high, z0)], shade, 0.55)


def draw_car(rng: Rng, stage: Stage, x: float, z: float) -> None:
    """A car seen from behind or from the front; a van now and then."""
    body, glass = jitter(rng, PAINTS[rng.integers(len(PAINTS))], 0.1), colour(40, 50, 62)
    tall = 2.3 if rng.random() < 0.15 else uniform(rng, 1.4, 1.6)
    stage.fill_polygon(
        [(x - 1.1, 0.01, z - 0.2), (x + 1.1, 0.01, z - 0.2), (x + 1.1, 0.01, z + 4.4), (x - 1.1, 0.01, z + 4.4)],
        body * 0,
        0,
        0.55,
    )
    inner = x + 0.86 if x < stage.eye.x else x - 0.86
    stage.draw_block(x, z, 1.75, 4.2, 0.28, 0.92, body)
    for axle in (0.8, 3.3):
        stage.fill_circle((inner, 0.32, z + axle), 0.33, colour(24, 24, 26), 0.5)
    stage.draw_block(x, z + 0.6, 1.5, 2.5, 0.92, tall - 0.06, glass)
    stage.draw_block(x, z + 0.75, 1.45, 2.2, tall - 0.1, tall, body)
    lamp = colour(235, 40, 30) if rng.random() < 0.6 else colour(255, 250, 220)
    for side in (-0.68, 0.68):
        stage.fill_polygon([(x + side + dx, y, z) for dx, y in ((-0.18, 0.6), (0.18, 0.6), (0.18, 0.8), (-0.18, 0.8))], lamp, 1)
    for side in (-0.72, 0.72):
        stage.fill_polygon(
            [(x + side + dx, y, z) for dx, y in ((-0.13, 0.0), (0.13, 0.0), (0.13, 0.3), (-0.13, 0.3))], colour(20, 20, 22), 0.5
        )


def draw_person(rng: Rng, stage: Stage, x: float, z: float) -> None:
    """A pedestrian."""
    coat, legs = jitter(rng, PAINTS[rng.integers(len(PAINTS))], 0.2), colour(*rng.uniform(25, 90, 3))
    stride = uniform(rng, 0.03, 0.16)
    stage.fill_polygon(
        [(x - 0.35, 0.01, z), (x + 0.35, 0.01, z), (x + 0.3, 0.01, z + 0.6), (x - 0.3, 0.01, z + 0.6)], coat * 0, 0, 0.4
    )
    for side in (-1, 1):
        stage.fill_polygon(
            [(x + side * stride - 0.09, 0, z), (x + side * stride + 0.09, 0, z), (x + 0.13, 0.85, z), (x - 0.13, 0.85, z)],
            legs,
            0.5,
        )
    stage.fill_polygon([(x - 0.22, 0.8, z), (x + 0.22, 0.8, z), (x + 0.24, 1.42, z), (x - 0.24, 1.42, z)], coat, 0.55)
    stage.fill_circle((x, 1.6, z), 0.14, colour(196, 150, 120), 0.8)


def draw_lamp_post(stage: Stage, x: float, z: float) -> None:
    """A post with an arm toward the road."""
    arm, dark = (1.4 if x < 0 else -1.4), colour(60, 62, 64)
    stage.fill_polygon([(x - 0.08, 0, z), (x + 0.08, 0, z), (x + 0.05, 6.4, z), (x - 0.05, 6.4, z)], dark, 0.5)
    stage.fill_polygon([(x, 6.3, z), (x + arm, 6.6, z), (x + arm, 6.75, z), (x, 6.45, z)], dark, 0.5)
    glow = colour(255, 236, 180) * (2.2 if stage.light.mood in ("dusk", "sunset", "storm") else 0.9)
    stage.fill_circle((x + arm, 6.5, z), 0.22, glow, 1.4)


def paint_tree(rng: Rng, eye: Eye, light: Light, canvas: Array, x: float, z: float, tall: float) -> Array:
    """The canvas with a leafy tree painted into it."""
    foot, middle = eye.project(x, 0, z), eye.project(x, tall * 0.65, z)
    if not foot or not middle or foot[1] - middle[1] < 3:
        return canvas
    radius = (foot[1] - middle[1]) * uniform(rng, 0.5, 0.7)
    left, right = (int(min(max(middle[0] + side * radius * 1.5, 0), SIZE)) for side in (-1, 1))
    top, bottom = int(min(max(middle[1] - radius * 1.5, 0), SIZE)), int(min(max(foot[1] + 1, 0), SIZE))
    if left < right and top < bottom:
        patch = canvas[:, top:bottom, left:right]
        patch[:] = _leafy(rng, light, patch, COLUMNS[:, left:right] - middle[0], ROWS[top:bottom] - middle[1], radius)
    return canvas


def _leafy(rng: Rng, light: Light, patch: Array, across: Array, down: Array, radius: float) -> Array:
    """The patch with a stem and a crown; `across` and `down` count from the middle of the crown."""
    trunk = smoothstep(radius * 0.09 - np.abs(across), -0.7, 0.7) * (down > 0)
    patch = mix(patch, colour(70, 58, 48) * light.shine(np.full((1, 1), 0.3, np.float32)), trunk)
    shape = patch.shape[1:]
    leaves = texture(rng, "leaves", min(0.12 + 6 / radius, 0.9), shape=shape)
    lumps = texture(rng, "rough", min(0.1 + 6 / radius, 0.9), shape=shape)
    across, down = across / radius, down / radius
    cover = smoothstep(1 - across**2 - down**2 + (lumps - 0.5) * 1.3 + (leaves - 0.5) * 0.5, 0.15, 0.35)
    lit = np.clip(leaves * 0.9 - 0.3 * across - 0.4 * down + (lumps - 0.5), 0.03, 1)
    green = jitter(rng, LEAVES[rng.integers(len(LEAVES))], 0.12)
    return mix(patch, green * light.shine(lit) * (0.5 + 0.8 * lit), cover)


def draw_pitched_roof(rng: Rng, stage: Stage, box: Box) -> None:
    """A gable roof on a box, its ridge along z or along x."""
    x0, x1, y, z0, z1 = box
    shade, out = jitter(rng, TILES[rng.integers(len(TILES))], 0.1), 0.4
    wall = jitter(rng, colour(200, 188, 168), 0.08)
    x0, x1, z0, z1 = x0 - out, x1 + out, z0 - out, z1 + out
    if rng.random() < 0.5:
        peak, middle = y + (x1 - x0) * uniform(rng, 0.3, 0.55), (x0 + x1) / 2
        for edge, lit in ((x0, 0.3), (x1, 0.8)):
            if stage.eye.y > y + (stage.eye.x - edge) * (peak - y) / (middle - edge):  # else its underside is hidden
                stage.fill_polygon([(edge, y, z0), (edge, y, z1), (middle, peak, z1), (middle, peak, z0)], shade, lit)
        stage.fill_polygon([(x0, y, z0), (x1, y, z0), (middle, peak, z0)], shade * 0.6, 0.5)
        stage.fill_polygon([(x0 + 0.6, y, z0), (x1 - 0.6, y, z0), (middle, peak - 0.5, z0)], wall, 0.55)
        return
    peak, middle = y + (z1 - z0) * uniform(rng, 0.25, 0.45), (z0 + z1) / 2
    if not x0 < stage.eye.x < x1:
        edge = x0 if stage.eye.x < x0 else x1
        stage.fill_polygon([(edge, y, z0), (edge, y, z1), (edge, peak, middle)], wall, 0.3)
    stage.fill_polygon([(x0, y, z0), (x1, y, z0), (x1, peak, middle), (x0, peak, middle)], shade, 0.75)
    for course in np.arange(0.08, 1, 0.08):
        height, back = y + (peak - y) * course, z0 + (middle - z0) * course
        stage.fill_polygon(
            [(x0, height, back), (x1, height, back), (x1, height + 0.08, back + 0.05), (x0, height + 0.08, back + 0.05)],
            shade * 0.7,
            0.6,
        )


def draw_spire(rng: Rng, stage: Stage, box: Box) -> None:
    """A pointed roof on a tower."""
    x0, x1, y, z0, z1 = box
    shade = jitter(rng, TILES[rng.integers(len(TILES))], 0.1)
    tip = ((x0 + x1) / 2, y + (x1 - x0) * uniform(rng, 0.7, 2.2), (z0 + z1) / 2)
    for edge in (x0, x1) if stage.eye.x > tip[0] else (x1, x0):
        stage.fill_polygon([(edge, y, z0), (edge, y, z1), tip], shade, 0.3)
    stage.fill_polygon([(x0 - 0.2, y, z0), (x1 + 0.2, y, z0), tip], shade, 0.75)


def furnish_street(rng: Rng, eye: Eye, light: Light, canvas: Array, street: Street, busy: float) -> Array:
    """The canvas with trees, lamps, cars and people along the street; `busy` is about 0 to 1."""
    kerb = street.half_road + 0.8
    if rng.random() < 0.35:
        side, pace = int(rng.choice([-1, 1])), uniform(rng, 8, 14)
        for z in np.arange(70, 10, -pace):
            for edge in (-1, 1) if rng.random() < 0.6 else (side,):
                canvas = paint_tree(rng, eye, light, canvas, edge * (kerb + 0.4), float(z), uniform(rng, 5, 9))
    stage, things = Stage(eye, light), []
    if rng.random() < 0.6:
        things += [("lamp", side * kerb, z) for z in np.arange(4, 90, uniform(rng, 14, 22)) for side in (-1, 1)]
    if rng.random() < 0.3 + 0.5 * busy:  # parked along the kerb
        side = int(rng.choice([-1, 1]))
        things += [
            ("car", side * (street.half_road - 1.1), z) for z in np.arange(uniform(rng, 3, 14), 70, 6.0) if rng.random() < 0.75
        ]
    things += [("car", uniform(rng, -0.5, 0.5) * street.half_road, uniform(rng, 8, 60)) for _ in range(rng.poisson(2.5 * busy))]
    edges = rng.uniform(street.half_road * 0.6, street.half_road + street.pavement, rng.poisson(5 * busy))
    things += [("person", float(edge * rng.choice([-1, 1])), uniform(rng, 4, 45)) for edge in edges]
    for kind, x, z in sorted(things, key=lambda thing: -thing[2]):
        if kind == "lamp":
            draw_lamp_post(stage, x, float(z))
        else:
            (draw_car if kind == "car" else draw_person)(rng, stage, x, float(z))
    return composite(canvas, stage.layer)
