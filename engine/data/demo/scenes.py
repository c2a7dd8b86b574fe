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


def _mountain(rng: Rng) -> Array:
    kind = _pick(rng, [0.5, 0.2, 0.24, 0.06])
    if kind == 0:
        share = float(rng.beta(1.2, 3.5))
        return terrain.alpine(rng, share if rng.random() < 0.42 else 0.0, uniform(rng, 0.0, 0.9))
    if kind == 1:
        return terrain.alpine(rng, uniform(rng, 0.1, 0.6), uniform(rng, 0.1, 0.8), lake=True)
    if kind == 3:
        return forest.wooded_peaks(rng)
    return terrain.hills(rng, max(uniform(rng, -0.6, 0.5), 0), lake=rng.random() < 0.2)


def _glacier(rng: Rng) -> Array:
    kind = _pick(rng, [0.6, 0.2, 0.2])
    if kind == 0:
        return terrain.alpine(rng, float(rng.beta(2.6, 1.7)), uniform(rng, 0.3, 1.0), light=draw_light(rng, ice.HOURS))
    return ice.ice_front(rng) if kind == 1 else ice.crevasses(rng)


def _sea(rng: Rng) -> Array:
    if rng.random() < 0.05:  # a fjord
        return terrain.alpine(rng, uniform(rng, 0.6, 1.0), uniform(rng, 0.0, 0.5), lake=True)
    return sea.seascape(rng)


def _buildings(rng: Rng) -> Array:
    kind = _pick(rng, [0.3, 0.22, 0.15, 0.16, 0.17])
    if kind == 0:
        return quarter.corridor(rng, float(rng.beta(1.5, 3.2)))
    return (quarter.towers, quarter.facade, quarter.skyline, quarter.houses)[kind - 1](rng)


def _street(rng: Rng) -> Array:
    return quarter.corridor(rng, float(rng.beta(2.8, 1.5)))


PAINTERS: dict[str, Callable[[Rng], Array]] = {
    "buildings": _buildings, "forest": forest.woodland, "glacier": _glacier, "mountain": _mountain,
    "sea": _sea, "street": _street,
}  # fmt: skip


def paint(kind: str, seed: int) -> Image.Image:
    """One 150x150 RGB scene of a class, the same for the same (kind, seed); KeyError for a class that is not in CLASSES."""
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    return develop(rng, PAINTERS[kind](rng))
