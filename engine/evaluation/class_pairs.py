"""Pairs of classes that are confused with each other: how often, and how the confused images differ from the recognised ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.data.columns import Columns, find_unchanged
from engine.data.drift import ALPHA, cliffs_delta, effect, holm
from engine.data.predictions import Predictions
from engine.data.properties import PROPERTIES
from engine.embeddings.neighbours import Index
from engine.evaluation.metrics import wilson

FEWEST = 5  # images of either group; below that no comparison is made
CENTRE = 2000  # images from which a class's centre is computed: more would hardly move it
_COMPARED = ("n_first", "n_second", "median_first", "median_second", "delta", "low", "high", "p")


@dataclass(frozen=True)
class Groups:
    """Row numbers in a prediction table: images of class `a` and of class `b` that were recognised, and those predicted as the other."""

    a_right: np.ndarray
    a_as_b: np.ndarray
    b_as_a: np.ndarray
    b_right: np.ndarray

    def by_name(self) -> dict[str, np.ndarray]:
        """The groups by the names of the fields."""
        return dict(vars(self))


# Names of groups: each time the first is compared with the second.
COMPARISONS = (("a_as_b", "a_right"), ("b_as_a", "b_right"), ("a_right", "b_right"))


def rank_pairs(matrix: np.ndarray) -> pd.DataFrame:
    """One row per pair of classes that was confused, the most errors first.

    Columns: a, b (class indices, a < b), errors, and for either direction the count, the true class's images, the rate and Wilson's 95%
    interval: a_as_b, a_images, a_rate, a_low, a_high; b_as_a and so on.
    """
    first, second = np.nonzero(np.triu(matrix + matrix.T, 1))
    images = matrix.sum(axis=1)
    result = {"a": first, "b": second, "errors": matrix[first, second] + matrix[second, first]}
    for name, true, other in (("a", first, second), ("b", second, first)):
        count, total = matrix[true, other], images[true]
        low, high = wilson(count, total)
        rate = np.divide(count, total, out=np.full(len(true), np.nan), where=total > 0)
        result |= {f"{name}_as_{'b' if name == 'a' else 'a'}": count, f"{name}_images": total}
        result |= {f"{name}_rate": rate, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(result).sort_values("errors", ascending=False, kind="stable", ignore_index=True)


def group_images(predictions: Predictions, a: int, b: int) -> Groups:
    true, predicted = predictions.true, predictions.predicted

    def rows(true_class: int, predicted_class: int) -> np.ndarray:
        return np.flatnonzero((true == true_class) & (predicted == predicted_class))

    return Groups(a_right=rows(a, a), a_as_b=rows(a, b), b_as_a=rows(b, a), b_right=rows(b, b))


def borderline_images(predictions: Predictions, a: int, b: int) -> pd.DataFrame:
    """The rows of the table of either class whose two most likely classes are these two, the smallest margin first."""
    rows = predictions.take(np.flatnonzero(np.isin(predictions.true, (a, b))))
    # argpartition: only the two largest are needed, not a sorted row.
    top = np.sort(np.argpartition(rows.probabilities, -2, axis=1)[:, -2:], axis=1)
    return rows.table[(top == sorted((a, b))).all(axis=1)].sort_values("margin", kind="stable")


def differences(values: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """One row per comparison of `COMPARISONS` and property; within a comparison the largest difference first.

    values: (n, properties), NaN where unknown, in the order of the prediction table. Columns: first, second (groups), property,
    n_first, n_second, median_first, median_second, delta (Cliff's: the chance that an image of the first group has the higher value less
    the chance that it has the lower one, -1..1) with low and high, p_holm (Mann-Whitney, Holm's correction
    over all rows), effect (Romano et al. 2006).
    """
    result, rows_by_group = [], groups.by_name()
    for first, second in COMPARISONS:
        rows: list[dict[str, Any]] = []
        for name in values:
            figures = _compare(values[name].to_numpy(), rows_by_group[first], rows_by_group[second])
            if figures is not None:
                rows.append({"first": first, "second": second, "property": name, **figures})
        result += sorted(rows, key=lambda row: -abs(row["delta"]))
    frame = pd.DataFrame(result, columns=["first", "second", "property", *_COMPARED])
    frame["p_holm"] = holm(frame["p"].to_numpy(float))
    return frame.assign(effect=[effect(abs(delta)) for delta in frame["delta"]])


def _compare(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, float] | None:
    """The figures of `differences` for one property; None where a group is too small, or nearly all values are the same."""
    from scipy import stats

    one, other = (values[rows][~np.isnan(values[rows])] for rows in (first, second))
    if min(len(one), len(other)) < FEWEST or _nearly_constant(one, other):
        return None
    delta = cliffs_delta(other, one)
    p = float(stats.mannwhitneyu(one, other, alternative="two-sided").pvalue)
    low, high = delta_interval(delta, len(one), len(other))
    return {
        "n_first": len(one),
        "n_second": len(other),
        "median_first": float(np.median(one)),
        "median_second": float(np.median(other)),
        "delta": delta,
        "low": low,
        "high": high,
        "p": p,
    }


def _nearly_constant(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether so many values are the same that even the largest possible difference would be negligible.

    Cliff's delta counts ties as neither higher nor lower, so its size is at most the share of pairs that are not ties. The interval
    ignores ties: around such a delta it would be far too wide.
    """
    distinct, counts = np.unique(np.concatenate([one, other]), return_counts=True)
    usual = distinct[counts.argmax()]
    ties = (one == usual).mean() * (other == usual).mean()
    return effect(float(1 - ties)) == "negligible"


def delta_interval(delta: float, m: int, n: int) -> tuple[float, float]:
    """The 95% interval of Cliff's delta between m and n values.

    Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic", part 2, method 5: unlike
    simpler ones, it has a width even where the groups do not overlap.
    """
    from scipy.optimize import brentq

    theta, spread = (delta + 1) / 2, (m + n) / 2 - 1  # theta: the Mann-Whitney statistic as a share of the m n pairs
    z, edge = 1.959964, 1e-9

    def beyond(t: float) -> float:
        variance = t * (1 - t) * (1 + spread * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
        return (theta - t) ** 2 - z * z * variance

    # scipy has no annotations; with full_output=False `brentq` returns the root alone.
    low: float = 0.0 if theta <= edge else brentq(beyond, 0, min(theta, 1 - edge))  # pyrefly: ignore[bad-assignment]
    high: float = 1.0 if theta >= 1 - edge else brentq(beyond, max(theta, edge), 1)  # pyrefly: ignore[bad-assignment]
    return 2 * low - 1, 2 * high - 1


def undetected_delta(frame: pd.DataFrame) -> float:
    """The largest Cliff's delta that some comparison of `differences` may have missed: the upper limit for two equal groups."""
    sizes = set(zip(frame["n_first"].tolist(), frame["n_second"].tolist(), strict=True))
    return max(delta_interval(0.0, m, n)[1] for m, n in sizes)


def image_properties(columns: Columns, predictions: Predictions) -> pd.DataFrame:
    """The catalog's properties of the predicted images: (n, properties), NaN where an image has changed or is gone."""
    aligned = predictions.aligned(columns)
    result = {name: np.full(len(predictions), np.nan) for name in PROPERTIES}
    for name, values in result.items():
        values[aligned.rows] = columns.values(name)[aligned.positions]
    return pd.DataFrame(result)


def project_on_axis(
    index: Index, predictions: Predictions, centres: tuple[np.ndarray, np.ndarray], groups: Groups
) -> dict[str, np.ndarray]:
    """The position of each group's images, by their embeddings, on the line from class a's centre (0) to class b's (1).

    `centres`: for either class, ids of the images whose mean is its centre, usually its training images. Images without an embedding of
    their present content are left out. Empty where a class has no embeddings, or both centres coincide.
    """
    means = []
    for ids in centres:
        # At most CENTRE of them, spread evenly.
        rows = np.searchsorted(index.ids, ids[:: -(-len(ids) // CENTRE) or 1])
        rows = np.minimum(rows, len(index) - 1)
        rows = rows[np.isin(index.ids[rows], ids)]
        if not len(rows):
            return {}
        means.append(index.vectors(rows).mean(axis=0))
    line = means[1] - means[0]
    length = float(line @ line)
    if length == 0:
        return {}
    return {name: (_vectors(index, predictions.take(rows)) - means[0]) @ line / length for name, rows in groups.by_name().items()}


def _vectors(index: Index, predictions: Predictions) -> np.ndarray:
    rows = find_unchanged(predictions.ids, predictions.marks, index.ids, index.marks.__getitem__)
    return index.vectors(rows[rows >= 0])


def sentences(frame: pd.DataFrame, names: Mapping[str, str], most: int = 3) -> list[str]:
    """The clear differences of `differences`, one sentence per comparison. `names`: what a group is called; they are inserted as they are."""
    result = []
    for first, second in COMPARISONS:
        rows = frame[(frame["first"] == first) & (frame["second"] == second)].to_dict("records")
        # Clear: beyond chance, and large enough to matter.
        clear = [row for row in rows if row["p_holm"] < ALPHA and row["effect"] != "negligible"][:most]
        if clear:
            result.append(f"{names[first]} against {names[second]}: {'; '.join(map(_difference, clear))}.")
    return result


def _difference(row: Mapping[Any, Any]) -> str:
    quantity = PROPERTIES[row["property"]]
    direction = "higher" if row["delta"] > 0 else "lower"
    medians = f"median {quantity.format(row['median_first'])} against {quantity.format(row['median_second'])}"
    return f"{direction} {quantity.label} ({row['effect']}: {medians})"
