"""Properties A property's distribution in each class, and the mean image of each class."""

import time

import streamlit as st

from dashboard.app import filter_state, formatting, url_state
from dashboard.app.image_urls import mean_url
from dashboard.charts.class_counts import LARGEST, SMALLEST
from dashboard.charts.distributions import MAX_RIDGES, intervals, ridges
from dashboard.components.click_target import chart
from dashboard.components.gallery import Tile, gallery
from dashboard.explore.query import Asked
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.mean_images import SAMPLE, is_made
from engine.data.properties import MEASURED, PROPERTIES

_BINS = 48
_FIRST = 12  # mean images; each of the others is asked for
_MEANS = "means-shown"
_MADE = "means-made"
_POLL = 1.0  # seconds
_LONGEST = 300.0  # seconds


def how_does_it_look(asked: Asked) -> None:
    """One property's distribution in each class, and below it what the images of a class have in common."""
    name = choose_property(asked.data)
    of = PROPERTIES[name]
    view = asked.data.catalog.view(asked.within)
    points = view.quantiles(name, most=LARGEST + SMALLEST)
    st.caption(f"{of.help}. The line and the bold number mark the median." if len(points) <= MAX_RIDGES else f"{of.help}.")
    if not len(points):
        st.info(f"No matching labelled image has a known {of.label}.", icon=":material/straighten:")
    elif len(points) <= MAX_RIDGES:
        chart(ridges(view.histogram(name, _BINS, by="class"), points, asked.colours, of), "spread", _pick_class)
    else:
        chart(intervals(points, asked.colours, of), "spread", _pick_class)
        if len(points) == LARGEST + SMALLEST:
            st.caption(f"The {len(points)} classes with the most images that match.")
    mean_images(asked)


def choose_property(data: Dataset) -> str:
    """The property that the panel is about, kept in the URL."""
    return url_state.choose(
        st.selectbox, "Property", differing(data), "property", "brightness", label_visibility="collapsed",
        format_func=lambda name: PROPERTIES[name].label.capitalize(),
    )  # fmt: skip


def mean_images(asked: Asked) -> None:
    """The mean image of each class; a click filters by the class."""
    counts = asked.data.catalog.counts(Filter(splits=("train",)))
    counts = counts[counts["class"].notna()]
    if asked.wanted.classes:
        counts = counts[counts["class"].isin(asked.wanted.classes)]
    if not len(counts) or not asked.data.has_pictures:
        return
    most = st.session_state.get(_MEANS, _FIRST)
    st.markdown("**Average images**")
    st.caption(
        f"The average of up to {SAMPLE} training images of a class, pixel by pixel. Parts that stay sharp are in the same place in most images."
    )
    shown = counts.head(most)
    numbers = asked.data.catalog.columns().codes
    tiles = [_mean_tile(asked, name, numbers[name], n) for name, n in zip(shown["class"], shown["n"], strict=True)]
    _say_how_far(asked.data, list(shown["class"]))
    gallery(
        tiles, key="means", size="M", label="Average image of each class", on_open=lambda number: _pick_number(asked.data, number)
    )
    if len(counts) > most:
        st.button(
            f"Show more of {len(counts):,}", key="more-means", on_click=lambda: st.session_state.update({_MEANS: most + _FIRST})
        )


def _say_how_far(data: Dataset, names: list[str]) -> None:
    """While mean images are being made, how many there are and how long the others take; looked at every second until all are there."""
    place = (data.name, data.catalog.generation(), len(names))
    if st.session_state.get(_MADE) == place:
        return
    began, before = time.monotonic(), sum(is_made(data, name) for name in names)
    if before == len(names):
        st.session_state[_MADE] = place
        return

    @st.fragment(run_every=_POLL)
    def progress() -> None:
        made = sum(is_made(data, name) for name in names)
        # Pictures that cannot be read leave a class without a mean image that is kept: then this ends by itself.
        if made == len(names) or time.monotonic() - began > _LONGEST:
            st.session_state[_MADE] = place
            st.rerun()
        spent = time.monotonic() - began
        left = f", about {formatting.duration(spent / (made - before) * (len(names) - made))} left" if made > before else ""
        st.progress(made / len(names), text=f"Computing the mean images: {made:,} of {len(names):,}{left}")

    progress()


def _mean_tile(asked: Asked, name: str, number: int, n: int) -> Tile:
    return Tile(
        id=number, src=mean_url(asked.data.name, number, asked.data.catalog.generation()), caption=name,
        notes=[f"mean of {min(n, SAMPLE):,}"], colour=asked.colours.get(name), alt=f"Mean image of {name}",
    )  # fmt: skip


def _pick_number(data: Dataset, number: int) -> None:
    _pick_class([data.catalog.columns().names[number]])


def differing(data: Dataset) -> list[str]:
    """The properties in which the images differ at all, what is measured of the picture first."""
    view = data.catalog.view()
    names = [*MEASURED, *(name for name in PROPERTIES if name not in MEASURED)]
    limits = {name: view.range(name) for name in names}
    return [name for name in names if limits[name] and limits[name][0] < limits[name][1]] or ["brightness"]


def _pick_class(clicked: list) -> None:
    """A click means the class; a second one takes that back."""
    name = clicked[0]
    filter_state.change(classes=() if filter_state.current().classes == (name,) else (name,))
