"""The six classes: what a scene of each may show, and how far two pairs of them overlap.

Mountain and glacier share one landscape with a share of ice, buildings and street one town with a share of road. The
distributions of these shares overlap, so that some scenes could be either and no classifier can tell all of them apart.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from engine.data.demo import forest, ice, quarter, sea, terrain
from engine.data.demo.brush import Array, Rng, uniform
from engine.data.demo.light import develop, draw_light

CLASSES = ("buildings", "forest", "glacier", "mountain", "sea", "street")


def _pick(rng: Rng, chances: list[float]) -> int:
    return rng.choice(len(chances), p=np.array(chances) / sum(chances))


def _paint_mountain(rng: Rng) -> Array:
    kind = _pick(rng, [0.5, 0.2, 0.24, 0.06])
    if kind == 0:
        share = float(rng.beta(1.2, 3.5))
        return terrain.paint_mountains(rng, share if rng.random() < 0.42 else 0.0, uniform(rng, 0.0, 0.9))
    if kind == 1:
        return terrain.paint_mountains(rng, uniform(rng, 0.1, 0.6), uniform(rng, 0.1, 0.8), lake=True)
    if kind == 3:
        return forest.paint_wooded_peaks(rng)
    return terrain.paint_hills(rng, max(uniform(rng, -0.6, 0.5), 0), lake=rng.random() < 0.2)


def _paint_glacier(rng: Rng) -> Array:
    kind = _pick(rng, [0.6, 0.2, 0.2])
    if kind == 0:
        return terrain.paint_mountains(rng, float(rng.beta(2.6, 1.7)), uniform(rng, 0.3, 1.0), light=draw_light(rng, ice.HOURS))
    return ice.paint_ice_front(rng) if kind == 1 else ice.paint_crevasses(rng)


def _paint_sea(rng: Rng) -> Array:
    if rng.random() < 0.05:  # a fjord
        return terrain.paint_mountains(rng, uniform(rng, 0.6, 1.0), uniform(rng, 0.0, 0.5), lake=True)
    return sea.paint_seascape(rng)


def _paint_buildings(rng: Rng) -> Array:
    kind = _pick(rng, [0.3, 0.22, 0.15, 0.16, 0.17])
    if kind == 0:
        return quarter.paint_street(rng, float(rng.beta(1.5, 3.2)))
    return (quarter.paint_towers, quarter.paint_facade, quarter.paint_skyline, quarter.paint_houses)[kind - 1](rng)


def _paint_street(rng: Rng) -> Array:
    return quarter.paint_street(rng, float(rng.beta(2.8, 1.5)))


PAINTERS: dict[str, Callable[[Rng], Array]] = {
    "buildings": _paint_buildings, "forest": forest.paint_woodland, "glacier": _paint_glacier, "mountain": _paint_mountain,
    "sea": _paint_sea, "street": _paint_street,
}  # fmt: skip


def paint(kind: str, seed: int) -> Image.Image:
    """One 150x150 RGB scene of a class, the same for the same (kind, seed); KeyError for a class that is not in CLASSES."""
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    return develop(rng, PAINTERS[kind](rng))
