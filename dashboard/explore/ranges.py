"""The ranges of the filter bar: a slider for each property, under a histogram that shows where the images are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app import filter_state
from dashboard.app.widgets import show_value
from dashboard.charts.histogram import histogram_svg
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.properties import MEASURED, PROPERTIES, Property

COLUMNS = 3
BINS = 40


def property_ranges(data: Dataset, wanted: Filter) -> None:
    """A slider for each property that the images differ in; both ends open is no condition."""
    view = data.catalog.view(Filter(state=wanted.state))
    # What is measured of the picture first: sizes are often the same in all.
    names = [*MEASURED, *(name for name in PROPERTIES if name not in MEASURED)]
    bins = {name: view.histogram(name, BINS) for name in names}
    differing = [name for name, found in bins.items() if _differ(found, PROPERTIES[name])]
    for begin in range(0, len(differing), COLUMNS):
        for column, name in zip(st.columns(COLUMNS, gap="medium"), differing[begin : begin + COLUMNS], strict=False):
            with column:
                _range(PROPERTIES[name], bins[name], wanted)
    same = [PROPERTIES[name] for name, found in bins.items() if len(found) and name not in differing]
    if same:
        said = ", ".join(f"{of.label} {of.say(view.range(of.name)[0])}" for of in same)
        st.caption(f"The same in every image: {said}.")


def _differ(bins: pd.DataFrame, of: Property) -> bool:
    return len(bins) > 1 and of.say(bins["low"].iloc[0]) != of.say(bins["high"].iloc[-1])


def _range(of: Property, bins: pd.DataFrame, wanted: Filter) -> None:
    edges, counts = steps(bins, of)
    last = len(edges) - 1
    low, high = ends(edges, wanted.range(of.name).low, wanted.range(of.name).high)
    st.markdown(of.label.capitalize(), help=of.help)
    st.image(histogram_svg(counts, low, high), width="stretch")
    key = f"filter-{of.name}"
    show_value(key, (low, high), [of.say(edge) for edge in edges])
    st.select_slider(
        of.label, range(len(edges)), (0, last), key=key, format_func=lambda place: of.say(edges[place]), on_change=_changed,
        args=(of.name, key, edges), label_visibility="collapsed",
    )  # fmt: skip


def _changed(name: str, key: str, edges: Sequence[float]) -> None:
    low, high = st.session_state[key]
    filter_state.put(
        filter_state.current().with_range(name, edges[low] if low else None, edges[high] if high < len(edges) - 1 else None)
    )


def steps(bins: pd.DataFrame, of: Property) -> tuple[list[float], list[int]]:
    """The steps of a slider, to the six decimals that an address carries, and the number of images between them.

    The slider tells its steps apart by their words: bins whose borders read the same become one.
    """
    edges, counts, waiting = [round(float(bins["low"].iloc[0]), 6)], [], 0
    for high, n in zip(bins["high"].astype(float).round(6), bins["n"], strict=True):
        waiting += int(n)
        if of.say(high) != of.say(edges[-1]):
            edges.append(high)
            counts.append(waiting)
            waiting = 0
    if waiting:
        counts[-1] += waiting
    return edges, counts


def ends(edges: Sequence[float], low: float | None, high: float | None) -> tuple[int, int]:
    """The places of the slider's two ends: the narrowest pair of steps that holds the range."""
    last = len(edges) - 1
    first = 0 if low is None else max(0, int(np.searchsorted(edges, low, "right")) - 1)
    final = last if high is None else min(last, int(np.searchsorted(edges, high, "left")))
    first = min(first, last - 1)
    return first, max(final, first + 1)
