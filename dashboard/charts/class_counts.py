"""How many images each class has, and how many of them match a filter: the part of it that is drawn. No Streamlit here."""

from dataclasses import dataclass

import pandas as pd

from engine.data.catalog import Catalog
from engine.data.filters import Filter

LARGEST, SMALLEST = 30, 10  # classes drawn where there are more than the sum
_MAX_SLICES = 12  # of a pie


@dataclass(frozen=True)
class ClassCounts:
    """`drawn`: columns class, split, n, matching; `splits`: split, n, matching of all classes; `totals`: class, matching, others.

    In `totals` the smallest classes share one row, whose `others` says how many they are. `left_out` classes are not in `drawn`.
    """

    drawn: pd.DataFrame
    splits: pd.DataFrame
    totals: pd.DataFrame
    left_out: int


def class_counts(catalog: Catalog, conditions: Filter) -> ClassCounts:
    """The images per class and split, and those that match `conditions`; of very many classes the chosen, the largest and the smallest."""
    all_counts = catalog.counts(Filter(state=conditions.state))
    matching_counts = catalog.counts(conditions).rename(columns={"n": "matching"})
    counts = all_counts[all_counts["class"].notna()].merge(matching_counts, how="left", on=["class", "split"])
    counts = counts.fillna({"matching": 0}).astype({"matching": int})
    matching = counts.groupby("class", sort=False)["matching"].sum()
    names = _names(counts.groupby("class", sort=False)["n"].sum(), conditions)
    places = {name: place for place, name in enumerate(names)}
    drawn = counts[counts["class"].isin(places)].sort_values("class", key=lambda column: column.map(places), kind="stable")
    splits = counts.groupby("split", sort=False)[["n", "matching"]].sum().reset_index()
    return ClassCounts(drawn, splits, _slices(matching[matching > 0]), len(matching) - len(names))


def _names(totals: pd.Series, conditions: Filter) -> list[str]:
    if len(totals) <= LARGEST + SMALLEST:
        return list(totals.index)
    ordered = totals.sort_values(ascending=False, kind="stable").index
    chosen = [name for name in conditions.classes[:LARGEST] if name in totals.index]
    return list(dict.fromkeys([*chosen, *ordered[:LARGEST], *ordered[-SMALLEST:]]))


def _slices(matching: pd.Series) -> pd.DataFrame:
    ordered = matching.sort_values(ascending=False, kind="stable")
    frame = pd.DataFrame({"class": ordered.index, "matching": ordered.to_numpy(), "others": 0})
    if len(frame) <= _MAX_SLICES:
        return frame
    rest = frame.iloc[_MAX_SLICES - 1 :]
    last = pd.DataFrame({"class": [None], "matching": [rest["matching"].sum()], "others": [len(rest)]})
    return pd.concat([frame.iloc[: _MAX_SLICES - 1], last], ignore_index=True)
