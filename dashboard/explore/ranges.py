"""The ranges of the filter bar: a slider per property, under a histogram that shows where the images are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app import filter_state
from dashboard.app.widgets import bind_value
from dashboard.charts.histogram import histogram_svg
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.properties import MEASURED, PROPERTIES, Property

COLUMNS = 3
BINS = 40


def property_ranges(data: Dataset, conditions: Filter) -> None:
    """Draw a slider for each property in which the images differ; with both ends open it adds no condition."""
    view = data.catalog.view(Filter(state=conditions.state))
    # Properties of the content first: the sizes are often the same in all images.
    names = [*MEASURED, *(name for name in PROPERTIES if name not in MEASURED)]
    bins = {name: view.histogram(name, BINS) for name in names}
    differing = [name for name, values in bins.items() if _differ(values, PROPERTIES[name])]
    for begin in range(0, len(differing), COLUMNS):
        for column, name in zip(st.columns(COLUMNS, gap="medium"), differing[begin : begin + COLUMNS], strict=False):
            with column:
                _range(PROPERTIES[name], bins[name], conditions)
    same = {name: limits[0] for name in names if name not in differing and (limits := view.range(name))}
    if same:
        values = ", ".join(f"{PROPERTIES[name].label} {PROPERTIES[name].format(value)}" for name, value in same.items())
        st.caption(f"The same in every image: {values}.")


def _differ(bins: pd.DataFrame, prop: Property) -> bool:
    return len(bins) > 1 and prop.format(bins["low"].iloc[0]) != prop.format(bins["high"].iloc[-1])


def _range(prop: Property, bins: pd.DataFrame, conditions: Filter) -> None:
    edges, counts = slider_steps(bins, prop)
    low, high = slider_ends(edges, conditions.range(prop.name).low, conditions.range(prop.name).high)
    st.markdown(prop.label.capitalize(), help=prop.help)
    st.image(histogram_svg(counts, low, high), width="stretch")
    binding = bind_value(f"filter-{prop.name}", (low, high), [prop.format(edge) for edge in edges])
    st.select_slider(
        prop.label, range(len(edges)), binding.initial, key=binding.key, format_func=lambda place: prop.format(edges[place]),
        on_change=binding.on_change(lambda ends: _store_range(prop.name, ends, edges)), label_visibility="collapsed",
    )  # fmt: skip


def _store_range(name: str, ends: tuple[int, int], edges: Sequence[float]) -> None:
    low, high = ends
    filter_state.put(
        filter_state.current().with_range(name, edges[low] if low else None, edges[high] if high < len(edges) - 1 else None)
    )


def slider_steps(bins: pd.DataFrame, prop: Property) -> tuple[list[float], list[int]]:
    """The steps of a slider, to the six decimals that an address carries, and the number of images between them.

    Streamlit identifies the steps of a slider by their labels, so bins whose borders read the same are merged.
    """
    edges, counts, waiting = [round(float(bins["low"].iloc[0]), 6)], [], 0
    for high, n in zip(bins["high"].astype(float).round(6), bins["n"], strict=True):
        waiting += int(n)
        if prop.format(high) != prop.format(edges[-1]):
            edges.append(high)
            counts.append(waiting)
            waiting = 0
    if waiting:
        counts[-1] += waiting
    return edges, counts


def slider_ends(edges: Sequence[float], low: float | None, high: float | None) -> tuple[int, int]:
    """The indices of the slider's two ends: the narrowest pair of steps that contains the range from `low` to `high`."""
    last = len(edges) - 1
    first = 0 if low is None else max(0, int(np.searchsorted(edges, low, "right")) - 1)
    final = last if high is None else min(last, int(np.searchsorted(edges, high, "left")))
    first = min(first, last - 1)
    return first, max(final, first + 1)
