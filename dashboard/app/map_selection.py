"""The selection on the map, as the address stores it: the corners of an area, or the images of one class among another.

3f2a9c01_1204.588_1350.600_...      the map's version, then corners in tenths of its unit, x.y
3f2a9c01_among_2_5                  images of class 2 whose nearest are mostly of class 5
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

FINE = 10  # steps of a corner's coordinates per unit of the map; pointer.js rounds to the same
_MAX_CORNERS = 120  # pointer.js thins out a longer outline; an address with more was not written here
AREA = "area"  # the parameter of the address
_PICK = re.compile(rf"([0-9a-f]{{8}})((?:_-?\d{{1,6}}\.-?\d{{1,6}}){{3,{_MAX_CORNERS}}})")
_AMONG = re.compile(r"([0-9a-f]{8})_among_(\d{1,6})_(\d{1,6})")


@dataclass(frozen=True)
class Pick:
    """A selection on the map of this `version`: an area by its `corners`, (n, 2), or `among`: a class and the class around it."""

    version: str
    corners: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    among: tuple[int, int] | None = None

    def to_text(self) -> str:
        """The selection for an address, in characters that no browser escapes; `read_pick` reads it back."""
        if self.among is not None:
            return f"{self.version}_among_{self.among[0]}_{self.among[1]}"
        return "_".join([self.version, *(f"{x}.{y}" for x, y in np.round(self.corners * FINE).astype(int))])


def from_corners(version: str, corners: Sequence[tuple[float, float]]) -> Pick | None:
    """The pick of an area that a person drew; None where it has too few corners to enclose anything, or too many."""
    pick = Pick(version, np.array(corners, float).reshape(-1, 2))
    # Through text and back: the corners are those that the address, once it is loaded again, will give.
    return read_pick(pick.to_text()) if 3 <= len(corners) <= _MAX_CORNERS and np.isfinite(pick.corners).all() else None


def read_pick(text: str) -> Pick | None:
    """The pick in an address; None where the text is not one."""
    if match := _AMONG.fullmatch(text):
        return Pick(match[1], among=(int(match[2]), int(match[3])))
    if match := _PICK.fullmatch(text):
        corners = [tuple(map(int, corner.split("."))) for corner in match[2][1:].split("_")]
        return Pick(match[1], np.array(corners, float) / FINE)
    return None
