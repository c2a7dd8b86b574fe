"""The tab Counts and sizes: classes by split, and image sizes."""

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.charts import dataset
from dashboard.charts.class_counts import LARGEST, SMALLEST
from dashboard.components.clickable_chart import clickable_chart
from dashboard.explore.query import Query
from dashboard.explore.sample_grid import random_sample_button
from dashboard.explore.states import unused_files
from engine.core.address import Choice
from engine.data.datasets import Dataset
from engine.data.filters import Filter, Range

_CHART = Parameter("balance", Choice(("counts", "proportions", "pie")), "counts")
_SIZES = 300  # dots


def counts_panel(query: Query) -> None:
    """Draw the classes by split, as counts, proportions or a pie, and the image sizes; a button shows sixteen random images."""
    counts = cache.count_classes(query.data, query.conditions)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        shown = url_state.choose(st.segmented_control, "Classes by split", _CHART, label_visibility="collapsed")
        random_sample_button(query)
    if shown == "pie":
        clickable_chart(dataset.class_pie(counts.totals, query.colours), "pie")
    elif len(counts.drawn):
        clickable_chart(
            dataset.class_bars(counts.drawn, counts.splits, query.colours, share=shown == "proportions"), "counts", _pick_class
        )
        if counts.left_out:
            st.caption(
                f"The {LARGEST} largest and the {SMALLEST} smallest classes; the {counts.left_out:,} classes between them are not drawn."
            )
    _image_sizes(query.data, query.conditions)
    unused_files(query.data)


def _pick_class(bar: list) -> None:
    """Filter by the class and split of the bar that was clicked; a second click removes the filter."""
    name, split = bar
    now = filter_state.current()
    same = now.classes == (name,) and now.splits == (split,)
    filter_state.change(classes=() if same else (name,), splits=() if same else (split,))


def _image_sizes(data: Dataset, conditions: Filter) -> None:
    sizes = data.catalog.sizes(conditions)
    if not len(sizes):
        return
    if len(sizes) == 1:
        st.markdown(f"All images are {formatting.pixels(int(sizes['width'][0]), int(sizes['height'][0]))}.")
        return
    st.markdown(f"**Image sizes**  \n:gray[{_sizes_text(sizes)}]")
    clickable_chart(dataset.size_scatter(sizes.head(_SIZES)), "sizes", _pick_size)


def _sizes_text(sizes: pd.DataFrame) -> str:
    first, total = sizes.iloc[0], int(sizes["n"].sum())
    text = f"{first['n'] / total:.1%} are {formatting.pixels(int(first['width']), int(first['height']))}; {len(sizes):,} sizes in all"
    return text + (f", the {_SIZES} most common are drawn" if len(sizes) > _SIZES else "")


def _pick_size(dot: list) -> None:
    """Filter by exactly the size of the dot that was clicked; a second click removes the filter."""
    now = filter_state.current()
    size = {"width": dot[0], "height": dot[1]}
    same = all(now.range(name) == Range(name, value, value) for name, value in size.items())
    for name, value in size.items():
        now = now.with_range(name, *((None, None) if same else (value, value)))
    filter_state.put(now)
