"""The tab Train vs test: each property compared between two splits, by significance test and effect size."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.charts.drift import drift_dots, drift_grid, split_histograms
from dashboard.charts.palette import ACCENT, BAD
from dashboard.components.clickable_chart import clickable_chart
from dashboard.explore.query import Query
from engine.core.address import Choice, Row
from engine.core.number_text import MINUS, decimal
from engine.data.drift import ALPHA
from engine.data.filters import Filter
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES

_PAIR: Parameter[tuple[str, str]] = Parameter("pair_of", Row((Choice(SPLITS), Choice(SPLITS)), "-"), ("train", "test"))
_SCOPE = Parameter("differ_in", Choice(("whole", "classes")), "whole")
_PROPERTY = Parameter("differ_property", Choice(("", *PROPERTIES)), "")  # whose histograms are drawn
_BINS = 40
_COLUMNS = {
    "property": "property", "n_a": "n {a}", "n_b": "n {b}", "median_a": "median {a}", "median_b": "median {b}",
    "delta": "Cliff's delta", "effect": "effect", "ks": "KS distance", "p_holm": "p (Holm)",
}  # fmt: skip
_METHOD = (
    "Effect size: Cliff's delta. Of random pairs with one image from each split, how much more often is the value higher in one split "
    "than in the other (below 0.147 negligible, below 0.33 small, below 0.474 medium)? Test: two-sample Kolmogorov-Smirnov, with "
    "Holm's correction over all rows. With many images even tiny differences become significant; the effect size tells whether a "
    "difference matters."
)


def drift_panel(query: Query) -> None:
    """Draw the verdict in a sentence, one dot per property, two histograms of the chosen property, and all numbers."""
    pair = _choose_pair(query)
    if pair is None:
        return
    a, b = pair
    by_class = url_state.choose(
        st.segmented_control, "Compare", _SCOPE, label_visibility="collapsed",
        format_func={"whole": "all images", "classes": "within each class"}.__getitem__,
    ) == "classes"  # fmt: skip
    conditions = replace(query.conditions, splits=())
    drift = cache.split_drift(query.data, a, b, by_class, conditions)
    if not len(drift):
        st.info(f"Too few images of {a} or {b} match for a comparison.", icon=":material/compare_arrows:")
        return
    st.markdown(_verdict(drift, a, b))
    if by_class:
        clickable_chart(drift_grid(drift, b), "drift-grid", _pick_cell)
        st.caption(
            f"Cliff's delta where a difference matters: + higher in {b}, {MINUS} lower. The largest classes, strongest differences first."
        )
    else:
        clickable_chart(drift_dots(drift, a, b), "drift", _pick_property)
        st.caption("Darker red means a larger difference: small, medium, large. Click a dot to compare the distributions.")
        _histograms(query, conditions, drift, a, b)
    _numbers(drift, a, b)


def _choose_pair(query: Query) -> tuple[str, str] | None:
    present = query.data.catalog.counts()["split"].unique()
    splits = [split for split in SPLITS if split in present]
    pairs = [(a, b) for place, a in enumerate(splits) for b in splits[place + 1 :]]
    if not pairs:
        st.info("This dataset has only one split, so there is nothing to compare.", icon=":material/compare_arrows:")
        return None
    return url_state.choose(st.selectbox, "Splits", _PAIR, pairs, label_visibility="collapsed", format_func=" against ".join)


def _verdict(drift: pd.DataFrame, a: str, b: str) -> str:
    """Whether the splits differ, in a sentence, as Markdown."""
    differences = drift[(drift["p_holm"] < ALPHA) & (drift["effect"] != "negligible")]
    if not len(differences):
        return f"**{a.capitalize()} and {b} look alike**: no difference that matters in {len(drift):,} comparisons."
    largest = [_difference(row) for _, row in differences.head(3).iterrows()]
    more = f" and {len(differences) - 3:,} more" if len(differences) > 3 else ""
    return (
        f"**{a.capitalize()} and {b} differ** in {len(differences):,} of {len(drift):,} comparisons: {'; '.join(largest)}{more}."
    )


def _difference(row: pd.Series) -> str:
    prop = PROPERTIES[row["property"]]
    class_name = f" of {formatting.literal(formatting.plain(row['class']))}" if row["class"] else ""
    return f"{prop.label}{class_name} {prop.format(row['median_a'])} → {prop.format(row['median_b'])} ({row['effect']})"


def _histograms(query: Query, conditions: Filter, drift: pd.DataFrame, a: str, b: str) -> None:
    """Draw both splits' histograms of the property that was clicked last; at first, of the one that differs most."""
    names = drift["property"].tolist()
    name = _PROPERTY.read()
    row = drift[drift["property"] == (name if name in names else names[0])].iloc[0]
    prop = PROPERTIES[row["property"]]
    st.markdown(f"**{prop.label.capitalize()}**  \n:gray[{row['sentence']}]")
    both = query.data.catalog.view(replace(conditions, splits=(a, b)))
    clickable_chart(
        split_histograms(both.histogram(prop.name, _BINS, group_by="split"), prop, {a: ACCENT, b: BAD}), "drift-shapes"
    )


def _numbers(drift: pd.DataFrame, a: str, b: str) -> None:
    """Draw the table of all figures, and how they were computed."""
    with st.expander("All numbers", icon=":material/table:"):
        names = {name: title.format(a=a, b=b) for name, title in _COLUMNS.items()}
        class_column = ["class"] if drift["class"].any() else []
        table = drift.assign(property=[PROPERTIES[name].label for name in drift["property"]])
        table = table[[*class_column, *names]].rename(columns=names)
        st.dataframe(table.style.format(_formats(names)), hide_index=True, width="stretch")
        st.caption(_METHOD)


def _formats(names: dict[str, str]) -> dict[Any, Callable[[Any], str] | str | None]:
    """How each column is written; `names`: the titles of the columns."""
    # Streamlit's own formats write a negative number with a hyphen. With a Styler, columns still sort by value.
    formats = {
        "n_a": "{:,}".format, "n_b": "{:,}".format, "median_a": "{:,.4g}".format, "median_b": "{:,.4g}".format, "delta": decimal,
        "ks": decimal, "p_holm": "{:.2g}".format,
    }  # fmt: skip
    return {names[name]: write for name, write in formats.items()}


def _pick_property(dot: Sequence[str]) -> None:
    _PROPERTY.write(dot[0])


def _pick_cell(cell: Sequence[str]) -> None:
    """Filter by the class of the cell that was clicked, and choose its property for the view of all images."""
    name, prop = cell
    _PROPERTY.write(prop)
    filter_state.change(classes=() if filter_state.current().classes == (name,) else (name,))
