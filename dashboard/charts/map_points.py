"""The map's points as the catalog knows them now, and how they are coloured, counted and named. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dashboard.app.map_selection import Pick
from dashboard.charts.palette import BAD, GOOD, NEUTRAL
from engine.data.aligned_predictions import AlignedPredictions
from engine.data.columns import STATES, Columns
from engine.data.layouts import SPLITS
from engine.embeddings.dataset_index import alike
from engine.embeddings.projection import Map, company, inside

NAMED = 24  # groups whose names stand on the map
_GROUPS = 250  # classes with a colour of their own
_CELLS = 14  # along a side, when the densest place of a group is looked for


@dataclass(frozen=True)
class Points:
    """The drawn images against the catalog: (n,) each. `present`: the image is still as it was when the map was made.

    `positions` into the columns (of no meaning where not `present`); `label` and `split` as in the columns, -1 for none.
    """

    drawn: Map
    columns: Columns
    present: np.ndarray
    positions: np.ndarray
    label: np.ndarray
    split: np.ndarray

    @cached_property
    def company(self) -> np.ndarray:
        """The commonest class among each image's nearest, as a label; -1 for none."""
        return company(self.label, self.drawn.near)

    def selected(self, pick: Pick) -> np.ndarray:
        """Which of the images a pick holds: (n,) bool."""
        if pick.among is not None:
            own, around = pick.among
            return self.present & (self.label == own) & (self.company == around)
        return self.present & inside(self.drawn.xy, pick.corners)

    def strays(self, seen: np.ndarray, most: int) -> list[tuple[int, int, int]]:
        """Classes with images among another class: (class, the one around it, how many of `seen`), the most frequent first."""
        around = self.company
        stray = self.present & seen & (self.label >= 0) & (around >= 0) & (around != self.label)
        pairs, n = np.unique(np.stack([self.label[stray], around[stray]]), axis=1, return_counts=True)
        order = np.argsort(-n, kind="stable")[:most]
        return [(int(pairs[0, i]), int(pairs[1, i]), int(n[i])) for i in order]


def match_points(drawn: Map, columns: Columns) -> Points:
    positions = np.minimum(np.searchsorted(columns.ids, drawn.ids), len(columns) - 1)
    present = alike(drawn.ids, drawn.marks, columns.ids, columns.marks(np.arange(len(columns))))
    present &= columns.state[positions] == STATES.index("ok")
    label, split = (np.where(present, of[positions], -1) for of in (columns.label, columns.split))
    return Points(drawn, columns, present, positions, label, split)


@dataclass(frozen=True)
class Colouring:
    """`group`: (n,) into `groups`, mappings with name, colour, count. `labels`: mappings with text, x, y, largest group first."""

    group: np.ndarray
    groups: list[dict]
    labels: list[dict]


def colour_by_class(of: Points, colours: Mapping[str, str], seen: np.ndarray) -> Colouring:
    """A group a class, the largest _GROUPS of them, and one for all others. `seen`: which points count."""
    n = np.bincount(of.label[of.label >= 0], minlength=len(of.columns.names))
    shown = np.sort(np.argsort(-n, kind="stable")[:_GROUPS])
    codes = np.full(len(of.columns.names) + 1, len(shown))
    codes[shown] = np.arange(len(shown))
    codes[-1] = len(shown) + 1
    names = [of.columns.names[code] for code in shown]
    looks = [(name, colours.get(name, NEUTRAL)) for name in names]
    return _coloured(of, codes[of.label], [*looks, ("other classes", NEUTRAL), ("no class", NEUTRAL)], seen, named=len(names))


def colour_by_split(of: Points, tints: Mapping[str, str], seen: np.ndarray) -> Colouring:
    looks = [(name, tints[name]) for name in SPLITS]
    return _coloured(of, np.where(of.split >= 0, of.split, len(SPLITS)), [*looks, ("no split", NEUTRAL)], seen)


def colour_by_verdict(of: Points, answers: AlignedPredictions, seen: np.ndarray) -> Colouring:
    """Whether a run's answer is right, for the images that it was scored on."""
    predicted = np.where(of.present, answers.predicted[of.positions], -1)
    scored = (predicted >= 0) & (of.label >= 0)
    group = np.where(scored, np.where(predicted == of.label, 0, 1), 2)
    return _coloured(of, group, [("right", GOOD), ("wrong", BAD), ("not scored", NEUTRAL)], seen)


def _coloured(of: Points, group: np.ndarray, looks: Sequence[tuple[str, str]], seen: np.ndarray, named: int = 0) -> Colouring:
    seen = seen & of.present
    n = np.bincount(group[seen], minlength=len(looks))
    groups = [{"name": name, "colour": colour, "count": int(n[i])} for i, (name, colour) in enumerate(looks)]
    largest = [int(i) for i in np.argsort(-n[:named], kind="stable")[:NAMED] if n[i]]
    labels = [{"text": looks[i][0], **_middle(of.drawn.xy[seen & (group == i)])} for i in largest]
    return Colouring(group, groups, labels)


def _middle(xy: np.ndarray) -> dict[str, float]:
    """Where a group is densest: the mean of its points in the fullest cell of a grid. A plain mean may lie among others."""
    cells = np.floor(xy / (xy.max() + 1e-9) * _CELLS).astype(int) @ np.array([1, _CELLS + 1])
    _, place, n = np.unique(cells, return_inverse=True, return_counts=True)
    x, y = xy[place == n.argmax()].mean(axis=0)
    return {"x": float(x), "y": float(y)}
