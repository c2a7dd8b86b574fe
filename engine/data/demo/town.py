"""Streets and buildings: one ray caster over boxes for both classes, which differ in where the eye looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.demo.brush import (
    COLUMNS,
    ROWS,
    SIZE,
    Array,
    Mask,
    Rng,
    colour,
    interpolate,
    jitter,
    mix,
    sample_nearest,
    smoothstep,
    tile,
    uniform,
)
from engine.data.demo.facade import Box, draw_styles, paint_facades, stripe
from engine.data.demo.light import Light, add_haze, paint_sky

HOURS = {"noon": 4, "clear": 4, "hazy": 3, "golden": 3, "sunset": 1, "overcast": 4, "storm": 0.7, "dusk": 1.6}


@dataclass(frozen=True)
class Eye:
    """A pinhole camera in metres: x to the right, y up, z along the street; angles in radians."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    view: float

    def rays(self) -> tuple[Array, Array, Array]:
        """The direction of each pixel's ray, three (SIZE, SIZE) fields with forward length 1."""
        right, up = (COLUMNS / SIZE - 0.5) * self.view, (0.5 - ROWS / SIZE) * self.view
        sin, cos = math.sin(self.pitch), math.cos(self.pitch)
        forward, high = cos - up * sin, sin + up * cos
        turn, face = math.sin(self.yaw), math.cos(self.yaw)
        return right * face + forward * turn, high + np.zeros_like(right), forward * face - right * turn

    def project(self, x: float, y: float, z: float) -> tuple[float, float] | None:
        """The position of a point on the canvas (column, row); None if it is not in front of the eye."""
        dx, dy, dz = x - self.x, y - self.y, z - self.z
        aside = dx * math.cos(self.yaw) - dz * math.sin(self.yaw)
        ahead = dx * math.sin(self.yaw) + dz * math.cos(self.yaw)
        depth = ahead * math.cos(self.pitch) + dy * math.sin(self.pitch)
        high = dy * math.cos(self.pitch) - ahead * math.sin(self.pitch)
        if depth < 0.3:
            return None
        return (0.5 + aside / depth / self.view) * SIZE, (0.5 - high / depth / self.view) * SIZE

    @property
    def horizon(self) -> float:
        """The row of the horizon."""
        return (0.5 + math.tan(self.pitch) / self.view) * SIZE


@dataclass(frozen=True)
class Street:
    """The ground: a road along z, pavements beside it; without a road the ground is a square."""

    half_road: float
    pavement: float
    wet: float
    marks: bool
    lawn: bool = False


def render(rng: Rng, light: Light, eye: Eye, boxes: list[Box], street: Street, homely: bool = False) -> Array:
    """A canvas of the boxes and the street under the sky; `homely` boxes have neither shops nor glass walls."""
    ray = eye.rays()
    distance, box_index, along_x = _cast(eye, boxes, ray)
    ground_distance = np.where(ray[1] < -1e-4, -eye.y / np.minimum(ray[1], -1e-4), np.inf).astype(np.float32)
    is_ground = ground_distance < distance
    near = np.minimum(np.where(is_ground, ground_distance, distance), 2000).astype(np.float32)
    canvas = paint_sky(rng, light, min(max(eye.horizon, SIZE * 0.3), SIZE * 2.0))
    air = uniform(rng, 0.03, 0.3) * (2 if light.mood == "hazy" else 1)
    for part in (is_ground, (box_index >= 0) & ~is_ground):
        directions = [field[part][None] for field in ray]  # (1, n): colours are (3, 1, 1), so a colour for each is (3, 1, n)
        far = near[part][None]
        x, y, z = (start + field * far for start, field in zip((eye.x, eye.y, eye.z), directions, strict=True))
        if part is is_ground:
            paint = _paint_ground(rng, light, street, x, z, far)
        else:
            paint = paint_facades(
                rng,
                light,
                draw_styles(rng, boxes, homely),
                (x, y, z),
                (directions[0], directions[1], directions[2]),
                far,
                box_index[part],
                along_x[part][None],
            )
        canvas[:, part] = add_haze(paint, far / 100, light, air)[:, 0]
    return canvas


def _cast(eye: Eye, boxes: list[Box], ray: tuple[Array, Array, Array]) -> tuple[Array, NDArray[np.integer], Mask]:
    """For each pixel the distance (inf: no box), the index of the box or -1, and whether its face looks along x.

    The slab test: Kay and Kajiya, "Ray tracing complex scenes", SIGGRAPH 1986.
    """
    # Inverted once for all boxes; a ray along a face must not divide by zero.
    inverse = [1 / np.where(np.abs(part) < 1e-5, np.float32(1e-5), part) for part in ray]
    best = np.full((SIZE, SIZE), np.inf, np.float32)
    box_index = np.full((SIZE, SIZE), -1, np.int32)
    along_x = np.zeros((SIZE, SIZE), bool)
    for number, box in enumerate(boxes):
        window = _covered_part(eye, box)  # most boxes cover a small part, and the test costs per pixel
        if window is None:
            continue
        enter, leave, enters_along_x = _slabs(eye, box, [part[window] for part in inverse])
        hit = (enter > 0.05) & (enter < leave) & (enter < best[window])
        np.copyto(best[window], enter, where=hit)
        np.copyto(box_index[window], number, where=hit)
        np.copyto(along_x[window], enters_along_x, where=hit)
    return best, box_index, along_x


def _covered_part(eye: Eye, box: Box) -> tuple[slice, slice] | None:
    """The part of the canvas that a box can cover: all of it if the box reaches behind the eye, None if it lies there."""
    x0, x1, height, z0, z1 = box
    corners = [eye.project(x, y, z) for x in (x0, x1) for y in (0, height) for z in (z0, z1)]
    if not any(corners):
        return None
    if not all(corners):
        return slice(None), slice(None)
    columns, rows = zip(*(corner for corner in corners if corner), strict=True)
    return slice(max(int(min(rows)) - 1, 0), max(int(max(rows)) + 2, 0)), slice(
        max(int(min(columns)) - 1, 0), max(int(max(columns)) + 2, 0)
    )


def _slabs(eye: Eye, box: Box, inverse: list[Array]) -> tuple[Array, Array, Mask]:
    """Where each ray enters and leaves a box, and whether it enters through a face that looks along x."""
    x0, x1, height, z0, z1 = box
    ax, bx = (x0 - eye.x) * inverse[0], (x1 - eye.x) * inverse[0]
    az, bz = (z0 - eye.z) * inverse[2], (z1 - eye.z) * inverse[2]
    ay, by = -eye.y * inverse[1], (height - eye.y) * inverse[1]
    in_x, in_z = np.minimum(ax, bx), np.minimum(az, bz)
    enter = np.maximum(np.maximum(in_x, in_z), np.minimum(ay, by))
    leave = np.minimum(np.minimum(np.maximum(ax, bx), np.maximum(az, bz)), np.maximum(ay, by))
    return enter, leave, in_x > in_z


def _paint_ground(rng: Rng, light: Light, street: Street, x: Array, z: Array, near: Array) -> Array:
    """Asphalt with its marks, kerbs, paving, and sunlight that falls across all of it."""
    grit = sample_nearest(tile("grit"), x / 6, z / 6) - 0.5
    stains = interpolate(tile("rough"), x / 40, z / 120) - 0.5
    grey = jitter(
        rng, (colour(96, 96, 98), colour(126, 122, 118), colour(78, 78, 82), colour(140, 124, 108))[rng.integers(4)], 0.08
    )
    road = grey * (1 + 0.25 * grit * np.exp(-near / 30) + 0.6 * stains)
    foot = near * 1.5 / SIZE
    if street.marks:
        road = mix(road, colour(226, 222, 208), _paint_marks(rng, street, x, z, foot) * (0.75 + 0.5 * stains))
    joints = 1 - stripe(x / 0.9, 0.94, foot) * stripe(z / 0.9, 0.94, foot * 4)
    slab = jitter(rng, colour(164, 158, 150), 0.1) * (1 + 0.2 * grit + 0.4 * stains) * (1 - 0.25 * joints)
    if street.lawn:
        blades = sample_nearest(tile("leaves"), x / 7, z / 7)
        slab = jitter(rng, colour(96, 118, 58), 0.15) * (0.6 + 0.7 * blades + 0.5 * stains)
    kerb = np.abs(np.abs(x) - street.half_road)
    floor = mix(road, slab, smoothstep(np.abs(x) - street.half_road, 0, 0.05 + 0.02 * foot))
    floor = mix(floor, colour(196, 192, 186), smoothstep(-kerb, -0.2, -0.1) * 0.7)
    edge = street.half_road * uniform(rng, -1.5, 1.5) + 5 * (
        interpolate(tile("rough"), np.floor(z / 11) * 0.13, np.float32(0.7)) - 0.5
    )
    lit = 0.1 + 0.75 * smoothstep(x - edge, -0.3, 0.3)
    shone = floor * light.shine(lit)
    return mix(shone, light.horizon, street.wet * smoothstep(stains, -0.1, 0.2) * np.clip(near / 40, 0.1, 0.7))


def _paint_marks(rng: Rng, street: Street, x: Array, z: Array, foot: Array) -> Array:
    dashed = uniform(rng, 3, 5)
    middle = smoothstep(-np.abs(x), -0.13 - foot * 0.3, -0.08) * ((z % (dashed * 2) < dashed) if rng.random() < 0.7 else 1)
    edges = smoothstep(-np.abs(np.abs(x) - street.half_road + 0.6), -0.12 - foot * 0.3, -0.07) * (rng.random() < 0.5)
    start = uniform(rng, 5, 22)
    zebra = stripe(x / 1.1, 0.5, foot) * ((z > start) & (z < start + 3.2)) * (rng.random() < 0.4)
    return np.clip(middle + edges + zebra, 0, 1)
