"""Counts and sizes Classes by split, and image sizes."""

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting, url_state
from dashboard.charts import dataset
from dashboard.charts.class_counts import LARGEST, SMALLEST
from dashboard.components.click_target import chart
from dashboard.explore.query import Asked
from dashboard.explore.sample_grid import sixteen_button
from dashboard.explore.states import problems
from engine.data.datasets import Dataset
from engine.data.filters import Filter, Range

_SHOWN = ("counts", "proportions", "pie")
_SIZES = 300  # dots


def what_is_there(asked: Asked) -> None:
    """Classes by split, as counts, proportions or a pie, and image sizes; sixteen images at random."""
    result = cache.class_counts(asked.data, asked.within)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        shown = url_state.choose(st.segmented_control, "Classes by split", _SHOWN, "balance", label_visibility="collapsed")
        sixteen_button(asked)
    if shown == "pie":
        chart(dataset.class_pie(result.totals, asked.colours), "pie")
    elif len(result.drawn):
        chart(dataset.class_bars(result.drawn, result.splits, asked.colours, share=shown == "proportions"), "counts", _pick_class)
        if result.left_out:
            st.caption(
                f"The largest {LARGEST} and the smallest {SMALLEST} classes; {result.left_out:,} between them are not drawn."
            )
    _image_sizes(asked.data, asked.within)
    problems(asked.data)


def _pick_class(clicked: list) -> None:
    """A click on a bar means its class and split; a second one takes that back."""
    name, split = clicked
    now = filter_state.current()
    same = now.classes == (name,) and now.splits == (split,)
    filter_state.change(classes=() if same else (name,), splits=() if same else (split,))


def _image_sizes(data: Dataset, wanted: Filter) -> None:
    sizes = data.catalog.sizes(wanted)
    if not len(sizes):
        return
    if len(sizes) == 1:
        st.markdown(f"All are {formatting.pixels(int(sizes['width'][0]), int(sizes['height'][0]))}.")
        return
    st.markdown(f"**Image sizes**  \n:gray[{_sizes_said(sizes)}]")
    chart(dataset.size_scatter(sizes.head(_SIZES)), "sizes", _pick_size)


def _sizes_said(sizes: pd.DataFrame) -> str:
    first, total = sizes.iloc[0], int(sizes["n"].sum())
    said = f"{first['n'] / total:.1%} are {formatting.pixels(int(first['width']), int(first['height']))}; {len(sizes):,} sizes in all"
    return said + (f", the commonest {_SIZES} drawn" if len(sizes) > _SIZES else "")


def _pick_size(clicked: list) -> None:
    """A click on a dot means images of just that size; a second one takes that back."""
    now = filter_state.current()
    wanted = {"width": clicked[0], "height": clicked[1]}
    same = all(now.range(name) == Range(name, value, value) for name, value in wanted.items())
    for name, value in wanted.items():
        now = now.with_range(name, *((None, None) if same else (value, value)))
    filter_state.put(now)
