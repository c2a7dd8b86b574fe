"""The selection on the map, as the address stores it: the corners of an area, or the images of one class among another.

3f2a9c01_1204.588_1350.600_...      the map's version, then corners in tenths of its unit, x.y
3f2a9c01_among_2_5                  images of class 2 whose nearest are mostly of class 5
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.core.address import Choice, Integer, Items, Row, Text

FINE = 10  # steps of a corner's coordinates per unit of the map; pointer.js rounds to the same
_MAX_CORNERS = 120  # pointer.js thins out a longer outline; an address with more was not written here
_VERSION, _LABEL, _STEPS = Text("[0-9a-f]{8}"), Integer(6), Integer(6, signed=True)
_AMONG = Row((_VERSION, Choice(("among",)), _LABEL, _LABEL), "_")
_AREA = Row((_VERSION, Items(Row((_STEPS, _STEPS), "."), "_", unique=False)), "_")


@dataclass(frozen=True)
class Pick:
    """A selection on the map of this `version`: an area by its `corners`, (n, 2), or `among`: a class and the class around it."""

    version: str
    corners: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    among: tuple[int, int] | None = None

    def to_text(self) -> str:
        """The selection for an address, in characters that no browser escapes; `read_pick` reads it back."""
        if self.among is not None:
            return _AMONG.encode((self.version, "among", *self.among))
        return _AREA.encode((self.version, np.round(self.corners * FINE).astype(int).tolist()))


def from_corners(version: str, corners: Sequence[tuple[float, float]]) -> Pick | None:
    """The pick of an area that a person drew; None where it has too few corners to enclose anything, or too many."""
    pick = Pick(version, np.array(corners, float).reshape(-1, 2))
    # Through text and back: the corners are those that the address, once it is loaded again, will give.
    return read_pick(pick.to_text()) if 3 <= len(corners) <= _MAX_CORNERS and np.isfinite(pick.corners).all() else None


def parse_pick(text: str) -> Pick:
    """The pick in an address. Raises ValueError where the text is not one."""
    if "_among_" in text:
        version, _, own, around = _AMONG.decode(text)
        return Pick(version, among=(own, around))
    version, corners = _AREA.decode(text)
    if not 3 <= len(corners) <= _MAX_CORNERS:
        raise ValueError(text)
    return Pick(version, np.array(corners, float) / FINE)


def read_pick(text: str) -> Pick | None:
    """The pick in an address; None where the text is not one."""
    try:
        return parse_pick(text)
    except ValueError:
        return None
