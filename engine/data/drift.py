"""Whether two splits look alike: each property compared by a test and by the size of the difference."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from engine.data.catalog import ALL, Catalog
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES

ALPHA = 0.05
FEWEST = 8  # images of either split, below which no comparison is made
_MOST = 100_000  # values of either split: more change nothing but the time
_EXACT = 1000  # up to here scipy may take the exact distribution, which is slow beyond
_SEED = 0
_NEGLIGIBLE, _SMALL, _MEDIUM = 0.147, 0.33, 0.474
_GAP = 0.1  # of the cumulative shares: below it, shapes are alike for any practical purpose


def compute_drift(
    catalog: Catalog, a: str = "train", b: str = "test", by_class: bool = False, most: int = 30, conditions: Filter = ALL
) -> pd.DataFrame:
    """Each property in split `a` against split `b`, of the images that `conditions` matches; the largest differences first.

    `by_class`: within each of the `most` largest classes that both have, because a shift inside a class hides in the mixture.
    Columns: class ("" for all), property, n_a, n_b, median_a, median_b, ks (largest gap between the two cumulative shares, 0..1),
    p, p_holm (Holm's correction over all rows), delta (Cliff's: chance that an image of `b` has more minus that it has less,
    -1..1), effect (negligible, small, medium, large: Romano et al. 2006), sentence. Of more than 100,000 images a seeded sample
    is compared; n_a and n_b say so.

    Two-sample Kolmogorov-Smirnov test: scipy.stats.ks_2samp. Holm 1979, "A simple sequentially rejective multiple test
    procedure". Cliff 1993, "Dominance statistics: ordinal analyses to answer ordinal questions".
    """
    first, second = (catalog.view(replace(conditions, splits=(split,))) for split in (a, b))
    pairs = {"": (first.positions, second.positions)}
    if by_class:
        here = first.groups("class", most)
        there = second.groups("class", most, among=here)
        pairs = {name: (here[name], there[name]) for name in here if name in there}
    rows = []
    for name, (here, there) in pairs.items():
        for prop in PROPERTIES:
            values = _known(first.columns.values(prop), here), _known(second.columns.values(prop), there)
            if min(map(len, values)) >= FEWEST:
                rows.append({"class": name, "property": prop, **_compare(*values)})
    frame = pd.DataFrame(rows, columns=["class", "property", "n_a", "n_b", "median_a", "median_b", "ks", "p", "delta"])
    frame["p_holm"] = holm(frame["p"].to_numpy(float))
    frame["effect"] = [effect(abs(delta)) for delta in frame["delta"]]
    frame["sentence"] = [_sentence(row, a, b) for row in frame.itertuples()]
    size = frame[["delta", "ks"]].abs().max(axis=1)
    return frame.loc[size.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values: (n,) in, (n,) out, never below the given ones."""
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> float:
    """P(b > a) - P(b < a) for one value of each, ties counted as neither: -1..1."""
    a = np.sort(a)
    below, not_above = np.searchsorted(a, b, "left"), np.searchsorted(a, b, "right")
    return float((below.sum() - (len(a) - not_above).sum()) / (len(a) * len(b)))


def effect(delta: float) -> str:
    """The word for an absolute Cliff's delta."""
    if delta < _NEGLIGIBLE:
        return "negligible"
    return "small" if delta < _SMALL else "medium" if delta < _MEDIUM else "large"


def _known(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    values = values[positions]
    values = values[~np.isnan(values)]
    return values if len(values) <= _MOST else np.random.default_rng(_SEED).choice(values, _MOST, replace=False)


def _compare(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    from scipy import stats

    test = stats.ks_2samp(a, b, method="auto" if max(len(a), len(b)) <= _EXACT else "asymp")
    medians = {"median_a": float(np.median(a)), "median_b": float(np.median(b))}
    numbers = {"ks": float(test.statistic), "p": float(test.pvalue), "delta": cliffs_delta(a, b)}
    return {"n_a": len(a), "n_b": len(b), **medians, **numbers}


def _sentence(row: Any, a: str, b: str) -> str:
    prop = PROPERTIES[row.property]
    medians = f"median {prop.format(row.median_b)} in {b}, {prop.format(row.median_a)} in {a}"
    if row.p_holm >= ALPHA:
        return f"No difference beyond chance: {medians}."
    if row.effect != "negligible":
        return f"{'Higher' if row.delta > 0 else 'Lower'} in {b}, a {row.effect} difference: {medians}."
    if row.ks >= _GAP:
        return f"As high in both ({medians}), but spread or shaped differently."
    return f"Beyond chance but negligible: {medians}. With {row.n_a:,} and {row.n_b:,} images even a difference without meaning is found."
