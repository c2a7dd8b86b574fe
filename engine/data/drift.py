"""Drift between two splits: each property compared by a statistical test and by effect size."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.data.catalog import ALL, Catalog
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES

Effect = Literal["negligible", "small", "medium", "large"]

ALPHA = 0.05
MIN_IMAGES = 8  # of each split; with fewer, a property is not compared
_MAX_VALUES = 100_000  # per split: more only take longer
_EXACT = 1000  # values up to which scipy may use the exact distribution, which is slow for more
_SEED = 0
_NEGLIGIBLE, _SMALL, _MEDIUM = 0.147, 0.33, 0.474
_GAP = 0.1  # between the cumulative shares: below it, shapes are alike for practical purposes


def compute_drift(
    catalog: Catalog, a: str = "train", b: str = "test", by_class: bool = False, limit: int = 30, conditions: Filter = ALL
) -> pd.DataFrame:
    """Each property compared between splits `a` and `b` of the images that match `conditions`; the largest differences first.

    `by_class`: within each of the `limit` largest classes that both have, because the mixture can hide a shift inside a class.
    Columns: class ("" for all), property, n_a, n_b, median_a, median_b, ks (largest gap between the two cumulative shares, 0..1),
    p, p_holm (Holm's correction over all rows), delta (Cliff's: chance that an image of `b` has more minus that it has less,
    -1..1), effect (negligible, small, medium, large: Romano et al. 2006), sentence. Of more than 100,000 images a seeded sample
    is compared; n_a and n_b are its size.

    Two-sample Kolmogorov-Smirnov test: scipy.stats.ks_2samp. Holm 1979, "A simple sequentially rejective multiple test
    procedure". Cliff 1993, "Dominance statistics: ordinal analyses to answer ordinal questions".
    """
    first, second = (catalog.view(replace(conditions, splits=(split,))) for split in (a, b))
    pairs = {"": (first.positions, second.positions)}
    if by_class:
        groups_a = first.groups("class", limit)
        groups_b = second.groups("class", limit, choices=groups_a)
        pairs = {name: (groups_a[name], groups_b[name]) for name in groups_a if name in groups_b}
    rows = []
    for name, (positions_a, positions_b) in pairs.items():
        for prop in PROPERTIES:
            values_a = _known_values(first.columns.values(prop), positions_a)
            values_b = _known_values(second.columns.values(prop), positions_b)
            if min(len(values_a), len(values_b)) >= MIN_IMAGES:
                rows.append({"class": name, "property": prop, **_compare(values_a, values_b)})
    frame = pd.DataFrame(rows, columns=["class", "property", "n_a", "n_b", "median_a", "median_b", "ks", "p", "delta"])
    frame["p_holm"] = holm(frame["p"].to_numpy(float))
    frame["effect"] = [effect(abs(delta)) for delta in frame["delta"]]
    frame["sentence"] = [_sentence(row, a, b) for row in frame.itertuples()]
    size = frame[["delta", "ks"]].abs().max(axis=1)
    return frame.loc[size.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values, (n,) for (n,); never smaller than the originals."""
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> float:
    """P(b > a) - P(b < a) for a random value of each, -1..1; ties count for neither."""
    a = np.sort(a)
    below, not_above = np.searchsorted(a, b, "left"), np.searchsorted(a, b, "right")
    return float((below.sum() - (len(a) - not_above).sum()) / (len(a) * len(b)))


def effect(delta: float) -> Effect:
    """The size of an absolute Cliff's delta, in a word (Romano et al. 2006)."""
    if delta < _NEGLIGIBLE:
        return "negligible"
    return "small" if delta < _SMALL else "medium" if delta < _MEDIUM else "large"


def _known_values(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    values = values[positions]
    values = values[~np.isnan(values)]
    return values if len(values) <= _MAX_VALUES else np.random.default_rng(_SEED).choice(values, _MAX_VALUES, replace=False)


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
        return f"Similar medians ({medians}), but the distributions differ in spread or shape."
    return f"Significant but negligible: {medians}. With {row.n_a:,} and {row.n_b:,} images even a meaningless difference is detected."
