"""The map of a dataset: its images laid out by their embeddings, where an area that a person draws selects images.

Explore draws `embedding_map` and narrows its filter by `narrow_to_selection`; `selection_chip` shows the selection and ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import about_url
from dashboard.app.map_selection import Pick
from dashboard.app.parameters import AREA
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value
from dashboard.charts.map_points import Colouring, Points, Seen, colour_by_class, colour_by_split, colour_by_verdict
from dashboard.charts.palette import ACCENT, NEUTRAL, SCENES
from dashboard.components.job_panel import job_panel
from dashboard.components.scatter import scatter
from engine.core.address import Choice
from engine.core.number_text import duration
from engine.data.catalog_predictions import load_catalog_predictions
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index
from engine.embeddings.projection import FEWEST
from engine.runs.run import Run

_COLOURING = Parameter("map_colour", Choice(("class", "split", "verdict")), "class")
_STRAYS = 12
_RATE = 90  # images/s that a laptop embeds: what is promised before anything was measured
_SPLIT_TINTS = {"train": NEUTRAL, "validation": SCENES["sea"], "test": SCENES["buildings"], "unlabelled": ACCENT}


@dataclass(frozen=True)
class MapSelection:
    """What is selected on the map: the images' `ids`, ascending, and the `pick` that the address holds."""

    ids: np.ndarray
    pick: Pick


def read_selection(data: Dataset) -> MapSelection | None:
    """What the address selects on the map; None where it selects nothing, or on an earlier map."""
    pick = AREA.read()
    points = cache.map_points(data)
    if pick is None or points is None or pick.version != points.drawn.version:
        return None
    return MapSelection(cache.selected_ids(data, points, pick), pick)


def narrow_to_selection(data: Dataset, wanted: Filter) -> Filter:
    """The filter, narrowed to what is selected on the map."""
    selection = read_selection(data)
    if selection is None:
        return wanted
    ids = selection.ids
    if wanted.selection:
        ids = np.intersect1d(ids, data.catalog.view(Filter(selection=wanted.selection)).ids())
    return replace(wanted, selection=data.catalog.select(ids))


def selection_chip(data: Dataset) -> None:
    """Draw the number of selected images as a button that clears the selection; nothing where nothing is selected."""
    selection = read_selection(data)
    if selection is not None:
        st.button(
            f"{len(selection.ids):,} on the map", icon=":material/close:", key="map_chip", on_click=AREA.clear,
            help="Clear the map selection",
        )  # fmt: skip


def embedding_map(data: Dataset, wanted: Filter, colours: Mapping[str, str], run: Run | None = None) -> int | None:
    """The id of the image that was clicked in this rerun, else None; draws the map, or how to get one.

    `wanted`: the filter without the map's selection; images that it excludes are grey. `run`: its predictions can colour the map.
    """
    images = data.catalog.count()
    if images < FEWEST:
        st.info(f"A map needs at least {FEWEST} images; there are {images}.", icon=":material/scatter_plot:")
        return None
    if not data.has_images:
        st.info(
            "This dataset is a catalog without images, made for measuring: it can have no map.", icon=":material/scatter_plot:"
        )
        return None
    is_working = job_panel(dataset_index.job(data.name), "The map could not be computed.", since=dataset_index.map_time(data))
    points = cache.map_points(data)
    if points is None:
        if not is_working:
            _invitation(data, images)
        return None
    _staleness(data, points, is_working)
    selection = _keep_selection(data)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        seen = _seen(data, points, wanted, selection)
        colouring = _choose_colouring(points, seen, colours, run)
    with right:
        _strays(points, seen.shown)
    opened = scatter(
        points.drawn, colouring.group, colouring.groups, key="map", labels=colouring.labels, source=about_url(data.name),
        # None instead of a mask that is true everywhere: there is less to send.
        shown=seen.shown if not seen.shown.all() else None,
        picked=seen.picked,
        label=f"Map of {len(points.drawn):,} images",
        selection=AREA,
    )  # fmt: skip
    st.caption(_note(points))
    return opened


def _keep_selection(data: Dataset) -> MapSelection | None:
    """What is selected, kept in the address; a selection on an earlier map is removed from it, with a note."""
    selection = read_selection(data)
    if selection is not None:
        AREA.write(selection.pick)
    elif AREA.is_set():
        st.caption("The selection in this address was made on an earlier map of this dataset and is ignored.")
        AREA.clear()
    return selection


def _seen(data: Dataset, points: Points, wanted: Filter, selection: MapSelection | None) -> Seen:
    shown = points.present
    if wanted != Filter():
        shown = shown & np.isin(points.drawn.ids, data.catalog.view(wanted).ids())
    return Seen(shown, np.isin(points.drawn.ids, selection.ids) if selection else None)


def _choose_colouring(points: Points, seen: Seen, colours: Mapping[str, str], run: Run | None) -> Colouring:
    """The colours by what a person chooses."""
    options = {"class": "class", "split": "split"}
    predictions = load_catalog_predictions(run.id, points.columns) if run is not None else None
    if run is not None and predictions is not None:
        options["verdict"] = f"predictions of {run.id}"
    colouring = url_state.choose(st.segmented_control, "Colour by", _COLOURING, list(options), format_func=options.__getitem__)
    if colouring == "verdict" and predictions is not None:
        return colour_by_verdict(points, predictions, seen)
    return colour_by_split(points, _SPLIT_TINTS, seen) if colouring == "split" else colour_by_class(points, colours, seen)


def _strays(points: Points, seen: np.ndarray) -> None:
    """Draw a list that selects without a pointer: images of one class whose neighbours are of another."""
    names = points.columns.names
    strays = {
        f"{label}_{neighbour_label}": (label, neighbour_label, n) for label, neighbour_label, n in points.strays(seen, _STRAYS)
    }
    pick = AREA.read()
    current = "_".join(map(str, pick.among)) if pick is not None and pick.among else ""

    def describe(option: str) -> str:
        if not option:
            return "none"
        label, neighbour_label, n = strays[option]
        # The number first: a narrow list cuts off the end.
        return f"{n:,}: {formatting.plain(names[label])} among {formatting.plain(names[neighbour_label])}"

    options = ["", *strays]
    binding = bind_value("map_strays", current if current in strays else "", list(map(describe, options)))

    def choose(option: str) -> None:
        # The browser may send an option of a list that has changed meanwhile; Streamlit then gives its label.
        pair = strays.get(option)
        AREA.write(Pick(points.drawn.version, among=pair[:2]) if pair else None)

    st.selectbox(
        "Images surrounded by another class", options, options.index(binding.initial), format_func=describe, key=binding.key,
        on_change=binding.on_change(choose),
        help="Their nearest neighbours are mostly of the other class: confusable images, or wrong labels.",
    )  # fmt: skip


def _note(points: Points) -> str:
    document = points.drawn.document
    images, preserved = document["of"], document["kept"]
    sample = (
        f" An even sample of {len(points.drawn):,} of {images:,} images is drawn, and only these can be selected here."
        if len(points.drawn) < images
        else ""
    )
    return (
        "Nearby images look similar to EfficientNet-Lite0, a network that learned from ImageNet and not from these classes "
        f"(t-SNE; of an image's 10 nearest, {10 * preserved:.1f} on average are among its 10 nearest here). "
        f"Distances between clusters and their sizes are not meaningful.{sample} "
        "Lasso and Box select, a click opens an image, Ctrl and the wheel zoom."
    )


# Computing the map


def _invitation(data: Dataset, images: int) -> None:
    state = dataset_index.job(data.name).status().state
    resumable = " Results so far are kept." if state in ("stopped", "failed") else ""
    st.info(
        f"No map yet. It is computed from embeddings of the {images:,} images: roughly "
        f"{duration(20 + images / _RATE)}, in the background.{resumable}",
        icon=":material/scatter_plot:",
    )
    _start_button(data, "Compute map" if state == "none" else "Continue")


def _staleness(data: Dataset, points: Points, is_working: bool) -> None:
    """Say how much the catalog has changed since the map was drawn, beside a button that updates it."""
    index = cache.embedding_index(data)
    behind = cache.count_unindexed(data, index) if index is not None else 0
    removed = len(points.drawn) - int(points.present.sum())
    unfinished = index is not None and index.digest != points.drawn.document["index"]
    if is_working or not (behind or removed or unfinished):
        return
    changes = (
        (behind, "image was added or changed", "images were added or changed"),
        (removed, "image was removed or changed", "images were removed or changed"),
    )
    summary = ", ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in changes if n)
    text, action = st.columns([3, 1], vertical_alignment="center")
    text.caption(f"Changes that this map does not show: {summary}." if summary else "This map was drawn on earlier embeddings.")
    with action:
        _start_button(data, "Update map")


def _start_button(data: Dataset, label: str) -> None:
    if st.button(label, icon=":material/scatter_plot:", key="draw_map"):
        try_and_rerun(dataset_index.job(data.name).start)
