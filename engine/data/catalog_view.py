"""The images of a catalog that match a filter, with counts, histograms and quantiles."""

import copy
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from cachetools import LRUCache

from engine.data.catalog_predictions import CatalogPredictions
from engine.data.columns import STATES, Columns, to_search_text
from engine.data.filters import Filter
from engine.data.label_overlay import EDITS
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES

P = ParamSpec("P")
R = TypeVar("R")

_TINY = 1e-3  # the smallest value that a logarithmic scale distinguishes from zero
_MAX_CACHED = 16  # views per process: 4 bytes per match, and as many for the last sort order


def _cached(method: Callable[Concatenate["View", P], R]) -> Callable[Concatenate["View", P], R]:
    """Compute a method's result once per view and arguments. Tables are returned as copies: callers may change them."""

    @wraps(method)
    def call(self: "View", *args: P.args, **kwargs: P.kwargs) -> R:
        key = (method.__name__, args, tuple(sorted(kwargs.items())))
        if key not in self._results:
            self._results[key] = method(self, *args, **kwargs)
        return copy.copy(self._results[key])

    return call


class View:
    """Matching images. `positions`: (n,) int32, ascending, into the arrays of `columns`. Results are cached."""

    def __init__(self, columns: Columns, positions: np.ndarray) -> None:
        self.columns = columns
        self.positions = positions
        self._results: dict[tuple, Any] = {}
        self._sorted = ("id", positions)  # the last sort order and its positions, ascending

    def __len__(self) -> int:
        return len(self.positions)

    def ids(self) -> np.ndarray:
        """Ids of the images, ascending: (n,) int64."""
        return self.columns.ids[self.positions]

    def contents(self) -> list[str]:
        """Content hashes of the images, sorted by id: the keys of embeddings and thumbnails."""
        return self.columns.contents(self.positions)

    def marks(self) -> np.ndarray:
        """64 bits of each image's content hash, sorted by id: (n,) uint64."""
        return self.columns.marks(self.positions)

    def classes(self) -> np.ndarray:
        """Class of each image, sorted by id: (n,) objects, None where there is none."""
        return np.array([*self.columns.names, None], object)[self.columns.label[self.positions]]

    def splits(self) -> np.ndarray:
        """Split of each image, sorted by id: (n,) objects, None where there is none."""
        return np.array([*SPLITS, None], object)[self.columns.split[self.positions]]

    def values(self, name: str) -> np.ndarray:
        """One property, sorted by id: (n,) float32, NaN where it is unknown. Raises KeyError for an unknown property."""
        return self.columns.values(name)[self.positions]

    def sample(self, limit: int) -> "View":
        """At most `limit` images at equal distances. A first scan assigns ids by content hash, so this is as good as random."""
        if len(self) <= limit:
            return self
        return View(self.columns, self.positions[np.linspace(0, len(self) - 1, limit).round().astype(int)])

    def page(self, number: int, size: int, order: str = "id", descending: bool = False) -> np.ndarray:
        """Ids of one page, counted from 1, sorted by `order`: id, path or a property."""
        positions = self._ordered(order, descending)[(number - 1) * size : number * size]
        return self.columns.ids[positions]

    def place(self, image_id: int, order: str = "id", descending: bool = False) -> int | None:
        """The image's index in that order, from 0; None where it does not match."""
        position = np.searchsorted(self.columns.ids, image_id)
        if position == len(self.columns) or self.columns.ids[position] != image_id:
            return None
        places = np.flatnonzero(self._ordered(order, descending) == position)
        return int(places[0]) if len(places) else None

    @_cached
    def counts(self) -> pd.DataFrame:
        """Images by class and split: columns class (None: unlabelled), split, n."""
        names, width = self.columns.names, len(SPLITS) + 1
        # One cell per pair of class and split; code -1 (none) becomes 0.
        cells = (self.columns.label[self.positions].astype(np.int64) + 1) * width + self.columns.split[self.positions] + 1
        n = np.bincount(cells, minlength=(len(names) + 1) * width)
        used = np.flatnonzero(n)
        classes, splits = np.array([None, *names], object), np.array([None, *SPLITS], object)
        return pd.DataFrame({"class": classes[used // width], "split": splits[used % width], "n": n[used]})

    @_cached
    def sizes(self) -> pd.DataFrame:
        """Image sizes, the most common first: columns width, height, n."""
        width, height = (self.values(name) for name in ("width", "height"))
        known = ~np.isnan(width)
        pairs = pd.Series(width[known].astype(np.int64) << 32 | height[known].astype(np.int64)).value_counts()
        sizes = pairs.index.to_numpy(np.int64)
        frame = pd.DataFrame({"width": sizes >> 32, "height": sizes & 0xFFFFFFFF, "n": pairs.to_numpy()})
        return frame.sort_values(["n", "width", "height"], ascending=[False, True, True], ignore_index=True)

    def groups(self, group_by: str, limit: int, choices: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """The largest `limit` classes or splits (`group_by`: class, split) with the positions of their images, by name.

        `choices`: names to choose from.
        """
        codes = (self.columns.label if group_by == "class" else self.columns.split)[self.positions]
        names = self.columns.names if group_by == "class" else SPLITS
        n = np.bincount(codes[codes >= 0], minlength=len(names))
        if choices is not None:
            n = np.where(np.isin(names, list(choices)), n, 0)
        largest = np.sort(np.argsort(-n, kind="stable")[:limit])
        return {names[code]: self.positions[codes == code] for code in largest if n[code]}

    @_cached
    def range(self, name: str) -> tuple[float, float] | None:
        """Smallest and largest value of a property; None where no image has one."""
        values = self.values(name)
        values = values[~np.isnan(values)]
        return (float(values.min()), float(values.max())) if len(values) else None

    @_cached
    def histogram(self, name: str, bins: int = 40, group_by: str = "", limit: int = 12) -> pd.DataFrame:
        """The distribution of a property: columns group, low, high, n; on a logarithmic scale where the property is skewed.

        `group_by`: "" for all images together; class or split for the `limit` largest of these.
        """
        extent = self.range(name)
        if extent is None:
            return pd.DataFrame({"group": [], "low": [], "high": [], "n": []})
        scale = _Scale(*extent, bins, PROPERTIES[name].skewed)
        groups = self.groups(group_by, limit) if group_by else {"": self.positions}
        values, edges = self.columns.values(name), scale.edges()
        frames = [
            pd.DataFrame({"group": group, "low": edges[:-1], "high": edges[1:], "n": scale.count(values[positions])})
            for group, positions in groups.items()
        ]
        return pd.concat(frames, ignore_index=True)

    @_cached
    def quantiles(
        self, name: str, group_by: str = "class", limit: int = 30, levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    ) -> pd.DataFrame:
        """Quantiles of a property in each of the largest groups: columns group, n, and one per quantile (q5, q25, ...)."""
        values, rows = self.columns.values(name), []
        for group, positions in self.groups(group_by, limit).items():
            known = values[positions][~np.isnan(values[positions])]
            if len(known):
                rows.append([group, len(known), *np.quantile(known, levels)])
        return pd.DataFrame(rows, columns=["group", "n", *(f"q{100 * q:g}" for q in levels)])

    def _ordered(self, order: str, descending: bool) -> np.ndarray:
        last, result = self._sorted
        if order == "id":
            result = self.positions
        elif order != last:
            matches = np.zeros(len(self.columns), bool)
            matches[self.positions] = True
            # All positions are sorted already, in the file: selecting from them is faster than sorting the matches.
            positions = self.columns.sorted_positions(order)
            result = positions[matches[positions]]
            self._sorted = order, result
        if not descending:
            return result
        # Images without a value stay last.
        valued = len(result) if order in ("id", "path") else int(np.count_nonzero(~np.isnan(self.values(order))))
        return result[::-1] if valued == len(result) else np.concatenate([result[:valued][::-1], result[valued:]])


_cache: LRUCache[tuple, View] = LRUCache(_MAX_CACHED)
_lock = threading.Lock()


def build_view(
    columns: Columns, conditions: Filter, predictions: CatalogPredictions | None = None, selected: np.ndarray | None = None
) -> View:
    """The view of the images that match `conditions`; the last few views are cached.

    `predictions` are those of the filter's run, `selected` the ids of its selection. Where the filter needs one that is None, no
    image matches.
    """
    # A selection's key is the hash of its ids: all that can change is whether it is there.
    key = (columns, conditions, predictions, selected is None)
    with _lock:
        result = _cache.get(key)
    if result is None:
        result = View(columns, _matching(columns, conditions, predictions, selected))
        with _lock:
            _cache[key] = result
    return result


def _matching(
    columns: Columns, conditions: Filter, predictions: CatalogPredictions | None, selected: np.ndarray | None
) -> np.ndarray:
    matches = columns.state == STATES.index(conditions.state)
    if conditions.splits:
        matches &= _any_of(columns.split, [SPLITS.index(split) for split in conditions.splits], len(SPLITS))
    if conditions.classes:
        matches &= _any_of(columns.label, columns.class_codes(conditions.classes), len(columns.names))
    if conditions.edited:
        matches &= _any_of(columns.edit, [EDITS.index(edit) for edit in conditions.edited], len(EDITS))
    for limits in conditions.ranges:
        values = columns.values(limits.name)
        matches &= ~np.isnan(values)
        if limits.low is not None:
            matches &= values >= np.float32(limits.low)
        if limits.high is not None:
            matches &= values <= np.float32(limits.high)
    if conditions.selection:
        matches &= np.isin(columns.ids, selected if selected is not None else [])
    if conditions.needs_predictions:
        matches &= _matching_predictions(columns, conditions, predictions)
    if conditions.text:
        # pyrefly: ignore[missing-attribute] - pyarrow creates its compute functions at import
        result = pc.match_substring(columns.paths, to_search_text(conditions.text))
        matches &= result.to_numpy(zero_copy_only=False)
    return np.flatnonzero(matches).astype(np.int32)


def _any_of(codes: np.ndarray, allowed: list[int], n_codes: int) -> np.ndarray:
    table = np.zeros(n_codes + 1, bool)  # the last entry is for code -1: none
    table[allowed] = True
    return table[codes]


def _matching_predictions(columns: Columns, conditions: Filter, predictions: CatalogPredictions | None) -> np.ndarray:
    if predictions is None:
        return np.zeros(len(columns), bool)
    matches = predictions.predicted >= 0
    if conditions.predicted:
        matches &= _any_of(predictions.predicted, columns.class_codes(conditions.predicted), len(columns.names))
    if conditions.correctness:
        matches &= (predictions.predicted == columns.label) == (conditions.correctness == "right")
    return matches


@dataclass(frozen=True)
class _Scale:
    """Equal bins from `low` to `high`, on a logarithmic axis where the property is `skewed`."""

    low: float
    high: float
    bins: int
    skewed: bool

    @property
    def _logarithmic(self) -> bool:
        return self.skewed and self.low >= 0 and self.high > 10 * max(self.low, _TINY)

    @property
    def _ends(self) -> tuple[float, float]:
        if not self._logarithmic:
            return self.low, self.high
        return math.log(max(self.low, self.high / 1e6, _TINY)), math.log(self.high)

    def edges(self) -> np.ndarray:
        """The (bins + 1,) edges; a single bin around a single value."""
        if self.high <= self.low:
            return np.array([self.low - 0.5, self.low + 0.5])
        edges = np.linspace(*self._ends, self.bins + 1)
        edges = np.exp(edges) if self._logarithmic else edges
        edges[0], edges[-1] = self.low, self.high
        return edges

    def count(self, values: np.ndarray) -> np.ndarray:
        """The number of known values in each bin."""
        values = values[~np.isnan(values)]
        if self.high <= self.low:
            return np.array([len(values)])
        first, last = self._ends
        scaled = np.log(np.maximum(values, math.exp(first))) if self._logarithmic else values
        bins = ((scaled - first) * (self.bins / (last - first))).astype(np.int32)
        return np.bincount(np.clip(bins, 0, self.bins - 1), minlength=self.bins)
