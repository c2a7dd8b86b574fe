"""Compositions of a town: a street between houses, towers from below, a skyline, a facade, a house and its garden."""

from __future__ import annotations

import numpy as np

from engine.data.demo.brush import Array, Rng, composite, uniform
from engine.data.demo.light import draw_light
from engine.data.demo.props import Stage, draw_pitched_roof, draw_spire, furnish_street, paint_tree
from engine.data.demo.town import HOURS, Box, Eye, Street, render


def paint_street(rng: Rng, road: float) -> Array:
    """A street between facades: `road` 0 looks up at the walls of an alley, 1 down a broad road."""
    light = draw_light(rng, HOURS)
    street = Street(
        half_road=max(1.5 + 5 * road + float(rng.normal(0, 0.8)), 1.2), pavement=uniform(rng, 1.2, 3.5),
        wet=0.5 if rng.random() < 0.2 else 0.0, marks=rng.random() < 0.35 + 0.5 * road,
    )  # fmt: skip
    pitch = 0.5 - 0.6 * road + float(rng.normal(0, 0.05))
    eye = Eye(
        x=uniform(rng, -0.6, 0.6) * street.half_road, y=uniform(rng, 4, 9) if rng.random() < 0.15 else 1.7, z=0.0,
        yaw=float(rng.normal(0, 0.42 - 0.3 * road)), pitch=pitch, view=uniform(rng, 0.8, 1.5),
    )  # fmt: skip
    canvas = render(rng, light, eye, _draw_rows(rng, street, uniform(rng, 7, 16) * (1.7 - road)), street)
    return furnish_street(rng, eye, light, canvas, street, busy=min(max(road * uniform(rng, 0.3, 1.5), 0), 1))


def _draw_rows(rng: Rng, street: Street, tall: float) -> list[Box]:
    """Houses on both sides of the street, with a lane between them here and there."""
    boxes, edge = [], street.half_road + street.pavement
    end = uniform(rng, 50, 140)
    for side in (-1, 1):
        z = -14.0
        while z < end:
            long, front = uniform(rng, 8, 22), edge + uniform(rng, 0, 0.8)
            low, high = sorted((side * front, side * (front + 14)))
            boxes.append((low, high, tall * uniform(rng, 0.6, 1.8), z, z + long))
            z += long + (6 if rng.random() < 0.15 else 0)
    if rng.random() < 0.3:
        boxes.append((-40.0, 40.0, tall * uniform(rng, 0.6, 1.6), end + 8, end + 30))
    return boxes


def _draw_backdrop(rng: Rng, near: float) -> list[Box]:
    """Low houses that close the view behind a square."""
    edges = np.cumsum(rng.uniform(9, 26, 16)) - 150
    return [
        (float(a), float(b), uniform(rng, 5, 14), near + uniform(rng, 0, 9), near + 22)
        for a, b in zip(edges, edges[1:], strict=False)
    ]


def paint_towers(rng: Rng) -> Array:
    """One to four towers from below, against the sky."""
    light = draw_light(rng, HOURS)
    boxes: list[Box] = []
    for number in range(int(rng.integers(1, 5))):
        x, z, wide = uniform(rng, -12, 12) * (0.6 + 0.8 * number), uniform(rng, 16, 40) + 14 * number, uniform(rng, 9, 22)
        boxes.append((x - wide / 2, x + wide / 2, uniform(rng, 22, 90), z, z + uniform(rng, 9, 20)))
        if rng.random() < 0.35:
            boxes.append((x - wide / 4, x + wide / 4, boxes[-1][2] * uniform(rng, 1.1, 1.4), z + 2, z + 7))
    eye = Eye(x=0, y=1.7, z=0, yaw=uniform(rng, -0.35, 0.35), pitch=uniform(rng, 0.25, 0.75), view=uniform(rng, 0.7, 1.4))
    return render(rng, light, eye, boxes + _draw_backdrop(rng, 80), Street(half_road=1.0, pavement=60, wet=0, marks=False))


def paint_facade(rng: Rng) -> Array:
    """One front, straight on or a little aslant, that fills the picture or leaves a strip of sky."""
    light = draw_light(rng, HOURS)
    away, tall = uniform(rng, 10, 26), uniform(rng, 9, 34)
    boxes: list[Box] = [(-40.0, uniform(rng, -2, 14), tall, away, away + 12)]
    boxes.append((boxes[0][1], 60.0, tall * uniform(rng, 0.6, 1.5), away + uniform(rng, -1, 2), away + 14))
    yaw = float(rng.normal(0, 0.35))
    eye = Eye(x=0, y=uniform(rng, 1.7, 9), z=0, yaw=yaw, pitch=uniform(rng, 0.0, 0.4), view=uniform(rng, 0.5, 1.2))
    return render(rng, light, eye, boxes, Street(half_road=2.5, pavement=60, wet=0, marks=False))


def paint_skyline(rng: Rng) -> Array:
    """Many towers from afar, over trees."""
    light = draw_light(rng, HOURS)
    boxes: list[Box] = []
    tall = uniform(rng, 30, 110)
    for _ in range(int(rng.integers(16, 34))):
        x, z, wide = uniform(rng, -130, 110), uniform(rng, 120, 260), uniform(rng, 13, 32)
        boxes.append((x, x + wide, tall * uniform(rng, 0.3, 1.3), z, z + wide))
    eye = Eye(x=0, y=uniform(rng, 3, 30), z=0, yaw=0, pitch=uniform(rng, 0.05, 0.3), view=uniform(rng, 0.5, 1.1))
    canvas = render(
        rng,
        light,
        eye,
        boxes + _draw_backdrop(rng, 265),
        Street(half_road=1, pavement=400, wet=0, marks=False, lawn=rng.random() < 0.6),
    )
    for _ in range(int(rng.integers(0, 14))):
        canvas = paint_tree(rng, eye, light, canvas, uniform(rng, -60, 60), uniform(rng, 60, 110), uniform(rng, 7, 16))
    return canvas


def paint_houses(rng: Rng) -> Array:
    """Houses with pitched roofs, and trees around them."""
    light = draw_light(rng, HOURS)
    away, boxes = uniform(rng, 13, 24), []
    for number in range(int(rng.integers(1, 4))):
        x, wide = (0, 15, -15)[number] + uniform(rng, -3, 3), uniform(rng, 7, 13)
        boxes.append((x - wide / 2, x + wide / 2, uniform(rng, 4, 10), away + uniform(rng, 0, 3), away + uniform(rng, 9, 14)))
    eye = Eye(
        x=0,
        y=uniform(rng, 1.6, 3.5),
        z=0,
        yaw=uniform(rng, -0.22, 0.22),
        pitch=uniform(rng, 0.05, 0.2),
        view=uniform(rng, 0.8, 1.3),
    )
    if rng.random() < 0.3:  # a church has a tower too
        x, wide = boxes[0][1] - 1, uniform(rng, 3, 5)
        boxes.append((x, x + wide, boxes[0][2] + uniform(rng, 5, 10), boxes[0][3] - 1, boxes[0][3] - 1 + wide))
    street = Street(half_road=uniform(rng, 0.8, 3), pavement=60, wet=0, marks=False, lawn=rng.random() < 0.75)
    canvas = render(rng, light, eye, boxes + _draw_backdrop(rng, 60), street, homely=True)
    stage = Stage(eye, light)
    for box in sorted(boxes, key=lambda box: -box[3]):
        (draw_spire if box[1] - box[0] < 6 else draw_pitched_roof)(rng, stage, box)
    canvas = composite(canvas, stage.layer)
    for _ in range(int(rng.integers(0, 4))):
        canvas = paint_tree(rng, eye, light, canvas, uniform(rng, -14, 14), away * uniform(rng, 0.75, 1.3), uniform(rng, 3, 8))
    return canvas
