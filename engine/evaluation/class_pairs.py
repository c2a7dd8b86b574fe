"""Two classes that are taken for each other: how often, and what sets the mistaken images apart from the recognised ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.columns import Columns
from engine.data.drift import ALPHA, cliffs_delta, effect, holm
from engine.data.properties import PROPERTIES
from engine.embeddings.dataset_index import alike
from engine.embeddings.neighbours import Index, mark
from engine.evaluation.metrics import wilson

FEWEST = 5  # images of either group, below which no comparison is made
CENTRE = 2000  # images from which a class's centre is computed
_COMPARED = ("n_first", "n_second", "median_first", "median_second", "delta", "low", "high", "p")


@dataclass(frozen=True)
class Groups:
    """Positions in a prediction table: the images of class `a` and of class `b` that were recognised, and those taken for the other."""

    a_right: np.ndarray
    a_as_b: np.ndarray
    b_as_a: np.ndarray
    b_right: np.ndarray

    def by_name(self) -> dict[str, np.ndarray]:
        return dict(vars(self))


# What is compared: the first group against the second.
COMPARISONS = (("a_as_b", "a_right"), ("b_as_a", "b_right"), ("a_right", "b_right"))


def rank_pairs(matrix: np.ndarray) -> pd.DataFrame:
    """Every pair of classes that was confused, the most errors first; rates with Wilson's 95% intervals.

    Columns: a, b (class numbers, a below b), errors, and for either direction the count, the true class's images, the rate and its
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


def group_images(predictions: pd.DataFrame, a: int, b: int) -> Groups:
    true, predicted = predictions["true"].to_numpy(), predictions["predicted"].to_numpy()
    cells = ((a, a), (a, b), (b, a), (b, b))
    return Groups(*(np.flatnonzero((true == t) & (predicted == p)) for t, p in cells))


def borderline_images(predictions: pd.DataFrame, a: int, b: int) -> pd.DataFrame:
    """The images of either class whose two most likely classes are just these, the closest calls first."""
    rows = predictions[predictions["true"].isin((a, b))]
    if not len(rows):
        return rows
    probabilities = np.stack(rows["probabilities"].to_numpy())
    top = np.sort(np.argpartition(probabilities, -2, axis=1)[:, -2:], axis=1)
    return rows[(top == sorted((a, b))).all(axis=1)].sort_values("margin", kind="stable")


def differences(values: pd.DataFrame, of: Groups) -> pd.DataFrame:
    """Each property between the groups of `COMPARISONS`, the clearest differences of a comparison first.

    values: (n, properties), NaN where unknown, in the order of the prediction table. Columns: first, second (groups), property,
    n_first, n_second, median_first, median_second, delta (Cliff's: chance that an image of the first has more minus that it has
    less, -1..1) with low and high, p_holm (Mann-Whitney, Holm's correction over all rows), effect (Romano et al. 2006).
    """
    result, named = [], of.by_name()
    for first, second in COMPARISONS:
        rows = [{"property": name, **_compared(values[name].to_numpy(), named[first], named[second])} for name in values]
        rows = sorted((row for row in rows if "delta" in row), key=lambda row: -abs(row["delta"]))
        result += [{"first": first, "second": second, **row} for row in rows]
    frame = pd.DataFrame(result, columns=["first", "second", "property", *_COMPARED])
    frame["p_holm"] = holm(frame["p"].to_numpy(float))
    return frame.assign(effect=[effect(abs(delta)) for delta in frame["delta"]])


def _compared(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """The figures of `differences` for one property; nothing where a group is too small, or nearly all values are the same."""
    from scipy import stats

    one, other = (values[places][~np.isnan(values[places])] for places in (first, second))
    if min(len(one), len(other)) < FEWEST or _nearly_constant(one, other):
        return {}
    delta = cliffs_delta(other, one)
    p = float(stats.mannwhitneyu(one, other, alternative="two-sided").pvalue)
    figures = (
        len(one),
        len(other),
        float(np.median(one)),
        float(np.median(other)),
        delta,
        *delta_interval(delta, len(one), len(other)),
        p,
    )
    return dict(zip(_COMPARED, figures, strict=True))


def _nearly_constant(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether so many values are the same that even the largest possible difference would be negligible.

    Cliff's delta counts ties as neither higher nor lower, so its size is at most the share of pairs that are not ties. The interval
    knows nothing of ties: around such a delta it would show an uncertainty that there is not.
    """
    distinct, counts = np.unique(np.concatenate([one, other]), return_counts=True)
    usual = distinct[counts.argmax()]
    ties = (one == usual).mean() * (other == usual).mean()
    return bool(effect(1 - ties) == "negligible")


def delta_interval(delta: float, m: int, n: int) -> tuple[float, float]:
    """The 95% interval of Cliff's delta between m and n values.

    Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic", part 2, method 5: it has
    a width where the groups do not overlap, too.
    """
    from scipy.optimize import brentq

    theta, spread = (delta + 1) / 2, (m + n) / 2 - 1
    z, edge = 1.959964, 1e-9

    def beyond(t: float) -> float:
        variance = t * (1 - t) * (1 + spread * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
        return (theta - t) ** 2 - z * z * variance

    low = 0.0 if theta <= edge else brentq(beyond, 0, min(theta, 1 - edge))
    high = 1.0 if theta >= 1 - edge else brentq(beyond, max(theta, edge), 1)
    return 2 * low - 1, 2 * high - 1


def undetected_delta(frame: pd.DataFrame) -> float:
    """The largest Cliff's delta that every comparison of `differences` may have missed: where two equal groups' interval ends."""
    return max(delta_interval(0.0, *sizes)[1] for sizes in {(row.n_first, row.n_second) for row in frame.itertuples()})


def is_clear(row: "pd.core.frame.Pandas") -> bool:
    """Whether a difference is beyond chance and large enough to matter."""
    return row.p_holm < ALPHA and row.effect != "negligible"


def image_properties(columns: Columns, predictions: pd.DataFrame) -> pd.DataFrame:
    """The catalog's properties of the images of a prediction table: (n, properties), NaN where an image has changed or gone."""
    ids = predictions["image_id"].to_numpy()
    result = {name: np.full(len(ids), np.nan) for name in PROPERTIES}
    if len(columns):
        rows = np.minimum(np.searchsorted(columns.ids, ids), len(columns) - 1)
        same = (columns.ids[rows] == ids) & (columns.marks(rows) == _marks(predictions))
        for name, values in result.items():
            values[same] = columns.values(name)[rows[same]]
    return pd.DataFrame(result, index=predictions.index)


def project_on_axis(
    index: Index, predictions: pd.DataFrame, centres: tuple[np.ndarray, np.ndarray], of: Groups
) -> dict[str, np.ndarray]:
    """Where the images of each group lie on the line from class a's centre (0) to class b's (1), by their embeddings.

    `centres`: the ids of the images whose mean is a class's centre, those of the training split as a rule. Images without an
    embedding of their present content are left out; empty where a class has none.
    """
    middles = []
    for ids in centres:
        rows = np.searchsorted(index.ids, ids[:: -(-len(ids) // CENTRE) or 1])
        rows = np.minimum(rows, len(index) - 1)
        rows = rows[np.isin(index.ids[rows], ids)]
        if not len(rows):
            return {}
        middles.append(index.vectors(rows).mean(axis=0))
    line = middles[1] - middles[0]
    length = float(line @ line)
    if length == 0:
        return {}
    return {
        name: (_vectors(index, predictions.iloc[places]) - middles[0]) @ line / length for name, places in of.by_name().items()
    }


def _vectors(index: Index, predictions: pd.DataFrame) -> np.ndarray:
    ids = predictions["image_id"].to_numpy()
    known = alike(ids, _marks(predictions), index.ids, index.marks)
    return index.vectors(np.searchsorted(index.ids, ids[known]))


def _marks(predictions: pd.DataFrame) -> np.ndarray:
    return np.array([mark(content) for content in predictions["content"]], np.uint64)


def sentences(found: pd.DataFrame, names: Mapping[str, str], most: int = 3) -> Sequence[str]:
    """What is beyond chance, one sentence a comparison; `names`: how a group is called. Class names stand as they are."""
    said = []
    for (first, second), rows in found.groupby(["first", "second"], sort=False):
        clear = [row for row in rows.itertuples() if is_clear(row)][:most]
        if clear:
            parts = [_difference(row) for row in clear]
            said.append(f"{names[first]} against {names[second]}: {'; '.join(parts)}.")
    return said


def _difference(row: "pd.core.frame.Pandas") -> str:
    of = PROPERTIES[row.property]
    more = "higher" if row.delta > 0 else "lower"
    return f"{more} {of.label} ({row.effect}: median {of.format(row.median_first)} against {of.format(row.median_second)})"
