"""Slices: slices: where a run makes more errors than the class mix explains.

Dark pictures may be wrong more often only because most of them are glaciers. So each slice is held against what its classes alone
would give: the errors of every class dealt out to its images at random. That law is exact (a sum of hypergeometric ones), and Holm's
correction counts every slice that was tried, so that the chance of even one false alarm stays below 5%.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.data.columns import Columns
from engine.data.drift import ALPHA, holm
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES
from engine.embeddings.neighbours import mark
from engine.evaluation import conditions
from engine.evaluation.metrics import wilson

SUPPORT = 20  # images below which a slice says nothing
BY_CLASS, BY_FOLDER = "class", "folder"
_ALIKE = 0.7  # share of images in common from which two slices are one finding
_A_CLASS = 0.9  # share of images in common from which a folder is a class under another name, apart from a few corrected labels
_MOST_CONDITIONS = 400


@dataclass(frozen=True)
class ScoredImages:
    """The answers of a prediction table whose images the catalog still has as they were scored.

    `rows`: (n,) positions in `columns`; `true`: (n,) class indices; `wrong`: (n,) bool; `frame`: the table's rows; `excluded`: images
    that have changed or gone since; `catalog`: its file, for selections.
    """

    columns: Columns
    rows: np.ndarray
    true: np.ndarray
    wrong: np.ndarray
    frame: pd.DataFrame
    excluded: int
    catalog: Path | None = None

    def matching(self, wanted: Sequence[Filter]) -> np.ndarray:
        """(filters, n) bool: which of the images match each."""
        return conditions.match_filters(self.columns, self.rows, wanted, self.catalog)

    @cached_property
    def counts(self) -> np.ndarray:
        """(2, classes): the images and the errors of each class."""
        size = int(self.true.max()) + 1
        return np.stack([np.bincount(self.true[rows], minlength=size) for rows in (slice(None), self.wrong)])


@dataclass(frozen=True)
class SliceSearch:
    """The worst slices, and how many were `tried`: those with enough support."""

    frame: pd.DataFrame
    tried: int

    @property
    def beyond_chance(self) -> pd.DataFrame:
        return self.frame[self.frame["p_holm"] < ALPHA]


def match_catalog(columns: Columns, predictions: pd.DataFrame, catalog: Path | None = None) -> ScoredImages:
    """The table beside the catalog's columns. Raises UserError where no image is as it was."""
    ids = predictions["image_id"].to_numpy()
    rows = np.minimum(np.searchsorted(columns.ids, ids), max(len(columns) - 1, 0))
    marks = np.array([mark(content) for content in predictions["content"]], np.uint64)
    same = (columns.ids[rows] == ids) & (columns.marks(rows) == marks) if len(columns) else np.zeros(len(ids), bool)
    if not same.any():
        raise UserError(
            "None of the images that were scored is in the dataset any more, or all have changed.",
            "Train again on the dataset as it is now.",
        )
    frame = predictions[same].reset_index(drop=True)
    true, predicted = frame["true"].to_numpy(), frame["predicted"].to_numpy()
    return ScoredImages(columns, rows[same], true, true != predicted, frame, int((~same).sum()), catalog)


def find_worst_slices(of: ScoredImages, classes: Sequence[str], support: int = SUPPORT, most: int = 12) -> SliceSearch:
    """The slices whose errors are the least likely for their classes: single conditions and pairs.

    A pair of properties has to be worse than either of them alone explains. Columns as those of `measure`, p_holm, and joint_low and
    joint_high: intervals that hold all true error rates at once with 95% (Bonferroni over the slices tried), since the worst of many
    look worse than they are. The smallest p first. Of two that hold mostly the same images the first stands for both.
    """
    singles = conditions.single_conditions(of.columns, of.rows, of.frame["path"], classes)
    masks = of.matching(singles)
    usable = [place for place in _different(masks) if not (singles[place].text and _is_a_class(of, masks[place]))]
    kept = [place for place in usable if support <= masks[place].sum() <= len(of.rows) - support][:_MOST_CONDITIONS]
    singles, masks = [singles[place] for place in kept], masks[kept]
    pairs = _pairs(singles, masks, support)
    alone = _counted(of, masks)
    together = _counted(of, masks, [(a, b) for _, a, b in pairs])
    rows = [_row(of, one, alone[place]) for place, one in enumerate(singles)]
    for (wanted, a, b), counts in zip(pairs, together, strict=True):
        # Within one of its classes a property explains all there is: such a pair is held against the class alone.
        rows.append(_row(of, wanted, counts, () if wanted.classes else (alone[a], alone[b])))
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    frame["p_holm"] = holm(frame["p"].to_numpy(float)) if len(frame) else []
    frame["joint_low"], frame["joint_high"] = wilson(frame["wrong"], frame["n"], 1 - ALPHA / max(len(frame), 1))
    worse = frame[frame["p"] < 1].sort_values("p", kind="stable").index
    made_of = [(place, place) for place in range(len(singles))] + [(a, b) for _, a, b in pairs]
    chosen = _distinct(worse, lambda place: np.logical_and(*masks[list(made_of[place])]), most)
    return SliceSearch(frame.loc[chosen].reset_index(drop=True), len(frame))


def measure_column(of: ScoredImages, name: str, classes: Sequence[str], bins: int = 6) -> pd.DataFrame:
    """Every part of one column of the catalog, measured: a property's quantile bins, or the classes, or the folders.

    Columns as those of `measure`. Raises UserError for a column that there is not.
    """
    if name == BY_CLASS:
        wanted = conditions.class_filters(classes)
    elif name == BY_FOLDER:
        wanted = conditions.folder_filters(of.frame["path"])
    elif name in PROPERTIES:
        wanted = conditions.property_filters(
            of.columns.values(name)[of.rows], PROPERTIES[name], np.linspace(0, 1, bins + 1)[1:-1]
        )
    else:
        raise UserError(f"There is no column {name!r}.", f"Choose one of: {', '.join([*PROPERTIES, BY_CLASS, BY_FOLDER])}.")
    masks = of.matching(wanted)
    shown = _telling(of, masks) if name == BY_FOLDER else np.flatnonzero(masks.any(axis=1))
    counts = _counted(of, masks)
    return pd.DataFrame([_row(of, wanted[place], counts[place]) for place in shown], columns=_COLUMNS)


def measure_slice(of: ScoredImages, wanted: Filter) -> dict:
    """One slice: the images that a filter matches.

    filter, words, n, wrong, error with low and high (Wilson's 95% interval), rest (the error rate of all other images), expected (what
    the classes of its images alone would give), excess (errors beyond that), p (the chance of so many errors or more if they had been
    dealt out at random within each class: one-sided).
    """
    counts = _counted(of, of.matching([wanted]))
    return dict(zip(_COLUMNS, _row(of, wanted, counts[0]), strict=True))


def slice_predictions(of: ScoredImages, wanted: Filter) -> pd.DataFrame:
    """The rows of the prediction table in a slice."""
    return of.frame[of.matching([wanted])[0]]


_COLUMNS = ["filter", "words", "n", "wrong", "error", "low", "high", "rest", "expected", "excess", "p"]


def _row(of: ScoredImages, wanted: Filter, inside: np.ndarray, parents: Sequence[np.ndarray] = ()) -> list:
    """One slice. inside: (2, classes) numbers of its images and of its errors; held against all images, and against the `parents`."""
    everything, (n, wrong), total = of.counts, inside.sum(axis=1).tolist(), len(of.wrong)
    expected = float((inside[0] * everything[1] / np.maximum(everything[0], 1)).sum())
    p = max(_tail(wrong, *whole, inside[0]) for whole in (everything, *parents)) if wrong > expected else 1.0
    low, high = wilson(wrong, n)
    rest = (int(of.wrong.sum()) - wrong) / (total - n) if total > n else float("nan")
    error = wrong / n if n else float("nan")
    words = wanted.describe() or "all images"
    return [wanted, words, n, wrong, error, float(low), float(high), rest, expected / max(n, 1), wrong - expected, p]


def _counted(of: ScoredImages, masks: np.ndarray, pairs: Sequence[tuple[int, int]] | None = None) -> np.ndarray:
    """(slices, 2, classes): the images and the errors of each class in each mask, or in what each pair of masks has in common."""
    places = [(place, place) for place in range(len(masks))] if pairs is None else pairs
    result = np.zeros((len(places), 2, len(of.counts[0])), np.int64)
    for row, (a, b) in enumerate(places):
        inside = masks[a] & masks[b]
        result[row, 0] = np.bincount(of.true[inside], minlength=result.shape[2])
        result[row, 1] = np.bincount(of.true[inside & of.wrong], minlength=result.shape[2])
    return result


def _tail(wrong: int, images: np.ndarray, errors: np.ndarray, inside: np.ndarray) -> float:
    """The chance of at least `wrong` errors inside, where each class's errors fall on its images at random."""
    law = np.ones(1)
    for n, k, m in zip(images, errors, inside, strict=True):
        if k and m:  # else none of its errors can be inside
            law = np.convolve(law, _hypergeometric(int(n), int(k), int(m)))
    return float(min(1.0, law[wrong:].sum()))


@lru_cache(maxsize=100_000)
def _hypergeometric(n: int, k: int, m: int) -> np.ndarray:
    """The chances of 0, 1, ... of k errors among m of n images. As scipy.stats.hypergeom, without what that asks for at each call."""
    hits = np.arange(min(k, m) + 1)
    hits = hits[hits >= m + k - n]
    ways = _log_ways(k, hits) + _log_ways(n - k, m - hits) - _log_ways(n, np.array(m))
    return np.concatenate([np.zeros(hits[0]), np.exp(ways)])


def _log_ways(n: int, k: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _pairs(singles: Sequence[Filter], masks: np.ndarray, support: int) -> list[tuple[Filter, int, int]]:
    """Pairs of conditions, and their places, with enough images in common, which are fewer than those of either."""
    counts = masks.astype(np.float32)
    common, result = counts @ counts.T, []
    for a, b in zip(*np.nonzero(np.triu(common >= support, 1)), strict=True):
        together = conditions.intersect(singles[a], singles[b])
        if together is not None and common[a, b] < min(common[a, a], common[b, b]):
            result.append((together, int(a), int(b)))
    return result


def _different(masks: np.ndarray) -> list[int]:
    """The conditions that hold other images than every one before."""
    seen: dict[bytes, int] = {}
    for place, packed in enumerate(np.packbits(masks, axis=1)):
        seen.setdefault(packed.tobytes(), place)
    return list(seen.values())


def _telling(of: ScoredImages, masks: np.ndarray) -> list[int]:
    """The folders that are not just a class of images, or all of them."""
    return [place for place in _different(masks) if not masks[place].all() and not _is_a_class(of, masks[place])]


def _is_a_class(of: ScoredImages, mask: np.ndarray) -> bool:
    """Whether a folder holds the images of a class, and hardly any others: most datasets have one folder per class."""
    inside, images = np.bincount(of.true[mask], minlength=len(of.counts[0])), of.counts[0]
    union = images + mask.sum() - inside
    return bool((inside >= _A_CLASS * union).any())


def _distinct(order: pd.Index, images: Callable[[int], np.ndarray], most: int) -> list[int]:
    """The first `most` slices that are not mostly the images of one before."""
    chosen: dict[int, np.ndarray] = {}
    for place in order:
        mine = images(place)
        if all(np.sum(mine & other) < _ALIKE * np.sum(mine | other) for other in chosen.values()):
            chosen[place] = mine
        if len(chosen) == most:
            break
    return list(chosen)
