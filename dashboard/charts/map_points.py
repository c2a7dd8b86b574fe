"""The map's points joined with the present catalog, and how they are coloured, counted and labelled. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np

from dashboard.app.map_selection import Pick
from dashboard.charts.palette import BAD, GOOD, NEUTRAL
from engine.data.catalog_predictions import CatalogPredictions
from engine.data.columns import STATES, Columns, find_unchanged
from engine.data.layouts import SPLITS
from engine.embeddings.projection import Map, majority_label, points_inside

_MAX_LABELS = 24  # groups whose names stand on the map
_MAX_CLASSES = 250  # classes with a colour of their own
_CELLS = 14  # per side of the grid that finds the densest place of a group


@dataclass(frozen=True)
class Points:
    """The drawn images joined with the catalog: (n,) each. `present`: the image is still as it was when the map was drawn.

    `positions` into the columns (meaningless where not `present`); `label` and `split` as in the columns, -1 for none.
    """

    drawn: Map
    columns: Columns
    present: np.ndarray
    positions: np.ndarray
    label: np.ndarray
    split: np.ndarray

    @cached_property
    def company(self) -> np.ndarray:
        """The most common class among each image's nearest, as a label; -1 for none."""
        return majority_label(self.label, self.drawn.near)

    def selected(self, pick: Pick) -> np.ndarray:
        """Which of the images a pick selects: (n,) bool."""
        if pick.among is not None:
            own, around = pick.among
            return self.present & (self.label == own) & (self.company == around)
        return self.present & points_inside(self.drawn.xy, pick.corners)

    def strays(self, seen: np.ndarray, limit: int) -> list[tuple[int, int, int]]:
        """Classes with images among another class, the most frequent first: (class, the class around it, how many of `seen`)."""
        around = self.company
        stray = self.present & seen & (self.label >= 0) & (around >= 0) & (around != self.label)
        pairs, n = np.unique(np.stack([self.label[stray], around[stray]]), axis=1, return_counts=True)
        order = np.argsort(-n, kind="stable")[:limit]
        return [(int(pairs[0, i]), int(pairs[1, i]), int(n[i])) for i in order]


def match_points(drawn: Map, columns: Columns) -> Points:
    """Join a map with the columns of the catalog."""
    positions = find_unchanged(drawn.ids, drawn.marks, columns.ids, columns.marks)
    present = (positions >= 0) & (columns.state[positions] == STATES.index("ok"))
    label, split = (np.where(present, codes[positions], -1) for codes in (columns.label, columns.split))
    return Points(drawn, columns, present, positions, label, split)


class Group(TypedDict):
    """A colour of the map: what it stands for, whether the filter leaves points of it, and how many of those are selected."""

    name: str
    colour: str
    shown: bool
    count: int


class Label(TypedDict):
    """A name on the map, at the densest place of its group."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Colouring:
    """`group`: (n,) indices into `groups`. `labels`: those of the largest groups, the largest first."""

    group: np.ndarray
    groups: list[Group]
    labels: list[Label]


@dataclass(frozen=True)
class Seen:
    """Which points the filter leaves, and which of all points are selected: (n,) bool each; without a selection, all count."""

    shown: np.ndarray
    picked: np.ndarray | None = None


def colour_by_class(points: Points, colours: Mapping[str, str], seen: Seen) -> Colouring:
    """One group per class for the largest classes, and one for all others."""
    n = np.bincount(points.label[points.label >= 0], minlength=len(points.columns.names))
    shown = np.sort(np.argsort(-n, kind="stable")[:_MAX_CLASSES])
    codes = np.full(len(points.columns.names) + 1, len(shown))
    codes[shown] = np.arange(len(shown))
    codes[-1] = len(shown) + 1
    names = [points.columns.names[code] for code in shown]
    looks = [(name, colours.get(name, NEUTRAL)) for name in names]
    return _colour(
        points, codes[points.label], [*looks, ("other classes", NEUTRAL), ("no class", NEUTRAL)], seen, labelled=len(names)
    )


def colour_by_split(points: Points, tints: Mapping[str, str], seen: Seen) -> Colouring:
    """One group per split."""
    looks = [(name, tints[name]) for name in SPLITS]
    return _colour(points, np.where(points.split >= 0, points.split, len(SPLITS)), [*looks, ("no split", NEUTRAL)], seen)


def colour_by_verdict(points: Points, answers: CatalogPredictions, seen: Seen) -> Colouring:
    """One group each for right, wrong and not scored predictions of a run."""
    predicted = np.where(points.present, answers.predicted[points.positions], -1)
    scored = (predicted >= 0) & (points.label >= 0)
    group = np.where(scored, np.where(predicted == points.label, 0, 1), 2)
    return _colour(points, group, [("right", GOOD), ("wrong", BAD), ("not scored", NEUTRAL)], seen)


def _colour(points: Points, group: np.ndarray, looks: Sequence[tuple[str, str]], seen: Seen, labelled: int = 0) -> Colouring:
    shown = seen.shown & points.present
    n = np.bincount(group[shown], minlength=len(looks))
    counts = n if seen.picked is None else np.bincount(group[shown & seen.picked], minlength=len(looks))
    groups: list[Group] = [
        {"name": name, "colour": colour, "shown": bool(n[i]), "count": int(counts[i])} for i, (name, colour) in enumerate(looks)
    ]
    largest = [int(i) for i in np.argsort(-n[:labelled], kind="stable")[:_MAX_LABELS] if n[i]]
    labels = [_label(looks[i][0], points.drawn.xy[shown & (group == i)]) for i in largest]
    return Colouring(group, groups, labels)


def _label(text: str, xy: np.ndarray) -> Label:
    """A label where its group is densest: at the mean of the points in the fullest cell of a grid. A plain mean may lie among others."""
    cells = np.floor(xy / (xy.max() + 1e-9) * _CELLS).astype(int) @ np.array([1, _CELLS + 1])
    _, place, n = np.unique(cells, return_inverse=True, return_counts=True)
    x, y = xy[place == n.argmax()].mean(axis=0)
    return {"text": text, "x": float(x), "y": float(y)}
