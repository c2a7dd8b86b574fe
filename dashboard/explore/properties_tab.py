"""The tab Properties: a property's distribution in each class, and the average image of each class."""

import time

import streamlit as st

from dashboard.app import filter_state, url_state
from dashboard.app.image_urls import mean_url
from dashboard.app.polling import poll
from dashboard.app.url_state import Parameter
from dashboard.charts.class_counts import LARGEST, SMALLEST
from dashboard.charts.distributions import MAX_RIDGES, intervals, ridges
from dashboard.components.clickable_chart import clickable_chart
from dashboard.components.gallery import Tile, gallery
from dashboard.components.job_panel import progress_text
from dashboard.explore.query import Query
from engine.core.address import Choice
from engine.core.progress import Pace, Progress
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.mean_images import SAMPLE, is_cached
from engine.data.properties import MEASURED, PROPERTIES

_PROPERTY = Parameter("property", Choice(tuple(PROPERTIES)), "brightness")
_BINS = 48
_FIRST = 12  # average images to begin with, and how many more each press of the button shows
_MEANS = "means-shown"
_COMPLETE = "means-made"  # the request whose average images are all there
_LONGEST = 300.0  # seconds


def properties_panel(query: Query) -> None:
    """Draw one property's distribution in each class, and below it the average image of each class."""
    name = choose_property(query.data)
    prop = PROPERTIES[name]
    view = query.data.catalog.view(query.conditions)
    points = view.quantiles(name, limit=LARGEST + SMALLEST)
    st.caption(f"{prop.help}. The line and the bold number mark the median." if len(points) <= MAX_RIDGES else f"{prop.help}.")
    if not len(points):
        st.info(f"No matching labelled image has a known {prop.label}.", icon=":material/straighten:")
    elif len(points) <= MAX_RIDGES:
        clickable_chart(ridges(view.histogram(name, _BINS, group_by="class"), points, query.colours, prop), "spread", _pick_class)
    else:
        clickable_chart(intervals(points, query.colours, prop), "spread", _pick_class)
        if len(points) == LARGEST + SMALLEST:
            st.caption(f"The {len(points)} classes with the most matching images.")
    mean_images(query)


def choose_property(data: Dataset) -> str:
    """The property that the panel is about, kept in the URL."""
    return url_state.choose(
        st.selectbox, "Property", _PROPERTY, varying_properties(data), label_visibility="collapsed",
        format_func=lambda name: PROPERTIES[name].label.capitalize(),
    )  # fmt: skip


def mean_images(query: Query) -> None:
    """Draw the average image of each class; a click filters by the class."""
    counts = query.data.catalog.counts(Filter(splits=("train",)))
    counts = counts[counts["class"].notna()]
    if query.bar_conditions.classes:
        counts = counts[counts["class"].isin(query.bar_conditions.classes)]
    if not len(counts) or not query.data.has_images:
        return
    most = st.session_state.get(_MEANS, _FIRST)
    st.markdown("**Average images**")
    st.caption(
        f"The pixel-wise average of up to {SAMPLE} training images per class. Parts that stay sharp are in the same place in most images."
    )
    shown = counts.head(most)
    numbers = query.data.catalog.columns().codes
    tiles = [_mean_tile(query, name, numbers[name], n) for name, n in zip(shown["class"], shown["n"], strict=True)]
    _progress(query.data, list(shown["class"]))
    gallery(
        tiles, key="means", size="M", label="Average image of each class", on_open=lambda number: _pick_number(query.data, number)
    )
    if len(counts) > most:
        st.button(
            f"Show more of {len(counts):,}", key="more-means", on_click=lambda: st.session_state.update({_MEANS: most + _FIRST})
        )


def _progress(data: Dataset, names: list[str]) -> None:
    """While average images are being computed, draw how many there are and the time left, every second until all are there."""
    request = (data.name, data.catalog.generation(), len(names))
    if st.session_state.get(_COMPLETE) == request:
        return
    start = time.monotonic()
    if all(is_cached(data, name) for name in names):
        st.session_state[_COMPLETE] = request
        return

    pace = Pace()

    def count() -> Progress:
        return Progress("computing average images", sum(is_cached(data, name) for name in names), len(names))

    def draw() -> None:
        progress = count()
        st.progress(progress.share, text=progress_text(progress, pace.seconds_left(progress)))

    def has_ended() -> bool:
        # The average of a class with unreadable images is never saved, so that waiting for all of them might not end.
        has_ended = count().share == 1 or time.monotonic() - start > _LONGEST
        if has_ended:
            st.session_state[_COMPLETE] = request
        return has_ended

    poll(draw, has_ended)


def _mean_tile(query: Query, name: str, number: int, n: int) -> Tile:
    return Tile(
        id=number, src=mean_url(query.data.name, number, query.data.catalog.generation()), caption=name,
        notes=[f"mean of {min(n, SAMPLE):,}"], colour=query.colours.get(name), alt=f"Average image of {name}",
    )  # fmt: skip


def _pick_number(data: Dataset, number: int) -> None:
    _pick_class([data.catalog.columns().names[number]])


def varying_properties(data: Dataset) -> list[str]:
    """The properties in which the images differ at all, those of the content first."""
    view = data.catalog.view()
    names = [*MEASURED, *(name for name in PROPERTIES if name not in MEASURED)]
    return [name for name in names if (limits := view.range(name)) and limits[0] < limits[1]] or ["brightness"]


def _pick_class(point: list) -> None:
    """Filter by the class that was clicked; a second click removes the filter."""
    name = point[0]
    filter_state.change(classes=() if filter_state.current().classes == (name,) else (name,))
