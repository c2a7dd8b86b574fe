"""How many images a class has, and how many of them match: as much of it as is drawn. No Streamlit here."""

from dataclasses import dataclass

import pandas as pd

from engine.data.catalog import Catalog
from engine.data.filters import Filter

LARGEST, SMALLEST = 30, 10  # classes that are drawn where there are more than both together
_SLICES = 12  # of a pie


@dataclass(frozen=True)
class ClassCounts:
    """`drawn`: columns class, split, n, matching; `splits`: split, n, matching of all classes; `totals`: class, matching, others.

    `totals` has the smallest classes in one row, for `others` of them; `left_out` classes are not `drawn`.
    """

    drawn: pd.DataFrame
    splits: pd.DataFrame
    totals: pd.DataFrame
    left_out: int


def class_counts(catalog: Catalog, wanted: Filter) -> ClassCounts:
    """The images of a class and split, and those that `wanted` leaves; of very many classes the largest, the smallest, the chosen."""
    every = catalog.counts(Filter(state=wanted.state))
    left = catalog.counts(wanted).rename(columns={"n": "matching"})
    counts = every[every["class"].notna()].merge(left, how="left", on=["class", "split"])
    counts = counts.fillna({"matching": 0}).astype({"matching": int})
    matching = counts.groupby("class", sort=False)["matching"].sum()
    names = _names(counts.groupby("class", sort=False)["n"].sum(), wanted)
    places = {name: place for place, name in enumerate(names)}
    drawn = counts[counts["class"].isin(places)].sort_values("class", key=lambda column: column.map(places), kind="stable")
    splits = counts.groupby("split", sort=False)[["n", "matching"]].sum().reset_index()
    return ClassCounts(drawn, splits, _slices(matching[matching > 0]), len(matching) - len(names))


def _names(totals: pd.Series, wanted: Filter) -> list[str]:
    if len(totals) <= LARGEST + SMALLEST:
        return list(totals.index)
    ordered = totals.sort_values(ascending=False, kind="stable").index
    chosen = [name for name in wanted.classes[:LARGEST] if name in totals.index]
    return list(dict.fromkeys([*chosen, *ordered[:LARGEST], *ordered[-SMALLEST:]]))


def _slices(matching: pd.Series) -> pd.DataFrame:
    ordered = matching.sort_values(ascending=False, kind="stable")
    frame = pd.DataFrame({"class": ordered.index, "matching": ordered.to_numpy(), "others": 0})
    if len(frame) <= _SLICES:
        return frame
    rest = frame.iloc[_SLICES - 1 :]
    last = pd.DataFrame({"class": [None], "matching": [rest["matching"].sum()], "others": [len(rest)]})
    return pd.concat([frame.iloc[: _SLICES - 1], last], ignore_index=True)
