"""Slices: where a run makes more errors than the class mix explains.

Dark images may be wrong more often only because most of them are glaciers. So each slice is compared with what its classes alone would
give: the errors of each class, assigned to its images at random. That distribution is exact (a sum of hypergeometric ones), and Holm's
correction counts every slice that was tried, so that the chance of even one false alarm stays below 5%.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.data.columns import Columns
from engine.data.drift import ALPHA, holm
from engine.data.filters import Filter
from engine.data.predictions import Predictions
from engine.data.properties import PROPERTIES
from engine.evaluation import conditions
from engine.evaluation.defaults import SUPPORT
from engine.evaluation.metrics import wilson

BY_CLASS, BY_FOLDER = "class", "folder"
_ALIKE = 0.7  # intersection over union from which two slices count as one finding
_A_CLASS = 0.9  # intersection over union from which a folder is just a class: below 1, since a few labels may have been corrected
_MOST_CONDITIONS = 400


@dataclass(frozen=True)
class ScoredImages:
    """The rows of a prediction table whose images are in the catalog as they were when they were scored.

    `rows`: (n,) positions in `columns`; `true`: (n,) class indices; `wrong`: (n,) bool; `frame`: the table's rows; `excluded`: number of
    images that have changed or are gone since; `catalog`: its file, for filters by selection.
    """

    columns: Columns
    rows: np.ndarray
    true: np.ndarray
    wrong: np.ndarray
    frame: pd.DataFrame
    excluded: int
    catalog: Path | None = None

    def match(self, filters: Sequence[Filter]) -> np.ndarray:
        """(filters, n) bool: which images match each filter."""
        return conditions.match_filters(self.columns, self.rows, filters, self.catalog)

    @cached_property
    def counts(self) -> np.ndarray:
        """(2, classes): the number of images and of errors per class."""
        size = int(self.true.max()) + 1
        return np.stack([np.bincount(self.true[rows], minlength=size) for rows in (slice(None), self.wrong)])


@dataclass(frozen=True)
class SliceSearch:
    """The worst slices, one row each, and how many were `tried`: those with enough support."""

    frame: pd.DataFrame
    tried: int

    @property
    def beyond_chance(self) -> pd.DataFrame:
        """The slices with more errors than their class mix and the number of tests explain."""
        return self.frame[self.frame["p_holm"] < ALPHA]


def match_catalog(columns: Columns, predictions: Predictions, catalog: Path | None = None) -> ScoredImages:
    """The rows of the table that the catalog still has unchanged. Raises UserError where there are none."""
    aligned = predictions.aligned(columns)
    if not len(aligned):
        raise UserError(
            "None of the scored images is still unchanged in the dataset.",
            "Train again on the dataset as it is now.",
        )
    unchanged = predictions.take(aligned.rows)
    return ScoredImages(
        columns=columns,
        rows=aligned.positions,
        true=unchanged.true,
        wrong=~unchanged.right,
        frame=unchanged.table.reset_index(drop=True),
        excluded=len(predictions) - len(aligned),
        catalog=catalog,
    )


def find_worst_slices(images: ScoredImages, classes: Sequence[str], support: int = SUPPORT, most: int = 12) -> SliceSearch:
    """The slices whose errors are least likely given their classes, the smallest p first: single conditions and pairs of them.

    A pair of properties has to be worse than either of them alone explains. Columns as in `measure_slice`, p_holm, and joint_low and
    joint_high: intervals that contain all true error rates at once with 95% (Bonferroni over the slices tried), since the worst of many
    look worse than they are. Of two slices with mostly the same images, only the first is listed.
    """
    singles = conditions.single_conditions(images.columns, images.rows, images.frame["path"], classes)
    masks = images.match(singles)
    useful = [i for i in _distinct_masks(masks) if not (singles[i].text and _is_a_class(images, masks[i]))]
    supported = [i for i in useful if support <= masks[i].sum() <= len(images.rows) - support][:_MOST_CONDITIONS]
    singles, masks = [singles[i] for i in supported], masks[supported]
    pairs = _pairs(singles, masks, support)
    single_counts = _count(images, masks)
    pair_counts = _count(images, masks, [(a, b) for _, a, b in pairs])
    rows = [_row(images, condition, single_counts[i]) for i, condition in enumerate(singles)]
    for (condition, a, b), counts in zip(pairs, pair_counts, strict=True):
        # Within its class, a property explains all the errors of the pair: compared with it, no such pair could stand out.
        rows.append(_row(images, condition, counts, () if condition.classes else (single_counts[a], single_counts[b])))
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    frame["p_holm"] = holm(frame["p"].to_numpy(float)) if len(frame) else []
    frame["joint_low"], frame["joint_high"] = wilson(frame["wrong"], frame["n"], 1 - ALPHA / max(len(frame), 1))
    # p is 1 where a slice has no more errors than expected.
    worse = frame[frame["p"] < 1].sort_values("p", kind="stable").index
    parts = [(i, i) for i in range(len(singles))] + [(a, b) for _, a, b in pairs]
    chosen = _first_distinct(worse.tolist(), lambda row: masks[parts[row][0]] & masks[parts[row][1]], most)
    return SliceSearch(frame.loc[chosen].reset_index(drop=True), len(frame))


def measure_column(images: ScoredImages, name: str, classes: Sequence[str], bins: int = 6) -> pd.DataFrame:
    """One row per part of one column of the catalog: per quantile bin of a property, per class, or per folder.

    Columns as in `measure_slice`. Raises UserError for an unknown column.
    """
    if name == BY_CLASS:
        filters = conditions.class_filters(classes)
    elif name == BY_FOLDER:
        filters = conditions.folder_filters(images.frame["path"])
    elif name in PROPERTIES:
        filters = conditions.property_filters(
            images.columns.values(name)[images.rows], PROPERTIES[name], np.linspace(0, 1, bins + 1)[1:-1]
        )
    else:
        raise UserError(f"There is no column {name!r}.", f"Choose one of: {', '.join([*PROPERTIES, BY_CLASS, BY_FOLDER])}.")
    masks = images.match(filters)
    shown = _informative_folders(images, masks) if name == BY_FOLDER else np.flatnonzero(masks.any(axis=1)).tolist()
    counts = _count(images, masks)
    return pd.DataFrame([_row(images, filters[i], counts[i]) for i in shown], columns=_COLUMNS)


def measure_slice(images: ScoredImages, condition: Filter) -> dict[str, Any]:
    """The figures of the slice that a filter selects.

    filter, words, n, wrong, error with low and high (Wilson's 95% interval), rest (the error rate of all other images), expected (the
    error rate that the classes of its images alone would give), excess (errors beyond that), p (the chance of at least as many errors if
    the errors of each class fell on its images at random: one-sided).
    """
    counts = _count(images, images.match([condition]))
    return dict(zip(_COLUMNS, _row(images, condition, counts[0]), strict=True))


def slice_predictions(images: ScoredImages, condition: Filter) -> pd.DataFrame:
    """The rows of the prediction table in a slice."""
    return images.frame.take(np.flatnonzero(images.match([condition])[0]))


_COLUMNS = ["filter", "words", "n", "wrong", "error", "low", "high", "rest", "expected", "excess", "p"]


def _row(images: ScoredImages, condition: Filter, inside: np.ndarray, parents: Sequence[np.ndarray] = ()) -> list[object]:
    """The values of _COLUMNS for one slice. inside: (2, classes) its images and errors; compared with all images and with the `parents`."""
    whole, (n, wrong), total = images.counts, inside.sum(axis=1).tolist(), len(images.wrong)
    expected = float((inside[0] * whole[1] / np.maximum(whole[0], 1)).sum())
    p = 1.0
    if wrong > expected:
        p = max(_tail(wrong, counts[0], counts[1], inside[0]) for counts in (whole, *parents))
    low, high = wilson(wrong, n)
    rest = (int(images.wrong.sum()) - wrong) / (total - n) if total > n else float("nan")
    error = wrong / n if n else float("nan")
    words = condition.describe() or "all images"
    return [condition, words, n, wrong, error, float(low), float(high), rest, expected / max(n, 1), wrong - expected, p]


def _count(images: ScoredImages, masks: np.ndarray, pairs: Sequence[tuple[int, int]] | None = None) -> np.ndarray:
    """(slices, 2, classes): the images and the errors per class in each mask, or in the intersection of each pair of masks."""
    parts = [(i, i) for i in range(len(masks))] if pairs is None else pairs
    counts = np.zeros((len(parts), 2, len(images.counts[0])), np.int64)
    for row, (a, b) in enumerate(parts):
        inside = masks[a] & masks[b]
        counts[row, 0] = np.bincount(images.true[inside], minlength=counts.shape[2])
        counts[row, 1] = np.bincount(images.true[inside & images.wrong], minlength=counts.shape[2])
    return counts


def _tail(wrong: int, images: np.ndarray, errors: np.ndarray, inside: np.ndarray) -> float:
    """The chance of at least `wrong` errors inside if each class's errors fall on its images at random. All arrays: (classes,)."""
    distribution = np.ones(1)
    for n, k, m in zip(images, errors, inside, strict=True):
        if k and m:  # else none of its errors can be inside
            distribution = np.convolve(distribution, _hypergeometric(int(n), int(k), int(m)))
    return float(min(1.0, distribution[wrong:].sum()))


@lru_cache(maxsize=100_000)  # the same few class counts occur in many slices
def _hypergeometric(n: int, k: int, m: int) -> np.ndarray:
    """The chances that 0, 1, ... of k errors are among m of n images. As scipy.stats.hypergeom, without its overhead per call."""
    hits = np.arange(min(k, m) + 1)
    hits = hits[hits >= m + k - n]
    ways = _log_ways(k, hits) + _log_ways(n - k, m - hits) - _log_ways(n, np.array(m))
    return np.concatenate([np.zeros(hits[0]), np.exp(ways)])


def _log_ways(n: int, k: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _pairs(singles: Sequence[Filter], masks: np.ndarray, support: int) -> list[tuple[Filter, int, int]]:
    """Pairs of conditions as one filter, with their indices: enough images match both, and fewer than either alone."""
    matrix = masks.astype(np.float32)  # float, because only that multiplies in BLAS; counts up to 2^24 stay exact
    common, result = matrix @ matrix.T, []
    for a, b in zip(*np.nonzero(np.triu(common >= support, 1)), strict=True):
        condition = conditions.intersect(singles[a], singles[b])
        if condition is not None and common[a, b] < min(common[a, a], common[b, b]):
            result.append((condition, int(a), int(b)))
    return result


def _distinct_masks(masks: np.ndarray) -> list[int]:
    """The indices of the masks that differ from every earlier one."""
    first: dict[bytes, int] = {}
    for i, packed in enumerate(np.packbits(masks, axis=1)):
        first.setdefault(packed.tobytes(), i)
    return list(first.values())


def _informative_folders(images: ScoredImages, masks: np.ndarray) -> list[int]:
    """The folders that hold neither all images nor just those of one class."""
    return [i for i in _distinct_masks(masks) if not masks[i].all() and not _is_a_class(images, masks[i])]


def _is_a_class(images: ScoredImages, mask: np.ndarray) -> bool:
    """Whether a folder holds the images of a class and hardly any others: most datasets have one folder per class."""
    inside, totals = np.bincount(images.true[mask], minlength=len(images.counts[0])), images.counts[0]
    union = totals + mask.sum() - inside
    return bool((inside >= _A_CLASS * union).any())


def _first_distinct(rows: Sequence[int], mask: Callable[[int], np.ndarray], most: int) -> list[int]:
    """The first `most` rows whose slices do not hold mostly the images of an earlier one."""
    chosen: dict[int, np.ndarray] = {}
    for row in rows:
        inside = mask(row)
        if all(np.sum(inside & other) < _ALIKE * np.sum(inside | other) for other in chosen.values()):
            chosen[row] = inside
        if len(chosen) == most:
            break
    return list(chosen)
