"""The map of a dataset: its images laid out by what the network sees in them, where an area that is drawn selects images.

Explore draws `embedding_map`, and asks `within` for its filter with what is selected there; `chip` says so and ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import about_url
from dashboard.app.map_selection import AREA, Pick, from_corners, read_pick
from dashboard.charts.map_points import Colouring, Points, colour_by_class, colour_by_split, colour_by_verdict
from dashboard.charts.palette import ACCENT, NEUTRAL, SCENES
from dashboard.components.job_panel import job_panel
from dashboard.components.scatter import scatter
from engine.data.aligned_predictions import align_predictions
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index
from engine.embeddings.projection import FEWEST
from engine.runs.run import Run

_STRAYS = 12
_RATE = 90  # images/s that a laptop embeds: what is promised before anything was measured
_SPLIT_TINTS = {"train": NEUTRAL, "validation": SCENES["sea"], "test": SCENES["buildings"], "unlabelled": ACCENT}


@dataclass(frozen=True)
class MapSelection:
    """What is selected on the map: its images' `ids`, rising, and the `pick` that holds them."""

    ids: np.ndarray
    pick: Pick


def read_selection(data: Dataset) -> MapSelection | None:
    """What the address selects on the map; None where it selects nothing, or on a map that is drawn otherwise now."""
    pick = read_pick(url_state.recall(AREA) or "")
    of = cache.map_points(data)
    if pick is None or of is None or pick.version != of.drawn.version:
        return None
    return MapSelection(cache.selected_ids(data, of, pick), pick)


def narrow_to_selection(data: Dataset, wanted: Filter) -> Filter:
    """The filter, narrowed to what is selected on the map."""
    result = read_selection(data)
    if result is None:
        return wanted
    ids = result.ids
    if wanted.selection:
        ids = np.intersect1d(ids, data.catalog.view(Filter(selection=wanted.selection)).ids())
    return replace(wanted, selection=data.catalog.select(ids))


def selection_chip(data: Dataset) -> None:
    """What is selected, as a button that ends the selection; nothing where nothing is."""
    result = read_selection(data)
    if result is not None:
        st.button(
            f"{len(result.ids):,} on the map", icon=":material/close:", key="map_chip", on_click=url_state.forget, args=(AREA,),
            help="Clear the map selection",
        )  # fmt: skip


def embedding_map(data: Dataset, wanted: Filter, colours: Mapping[str, str], run: Run | None = None) -> int | None:
    """Compute the map, or how to get one; the id of the image that was clicked in this rerun, else None.

    `wanted`: the filter without what is selected here: images that it leaves out turn grey. `run`: whose answers can colour it.
    """
    images = data.catalog.count()
    if images < FEWEST:
        st.info(f"A map needs at least {FEWEST} images; there are {images}.", icon=":material/scatter_plot:")
        return None
    if not data.has_pictures:
        st.info(
            "This dataset is a catalog without images, made for measuring: it can have no map.", icon=":material/scatter_plot:"
        )
        return None
    busy = job_panel(
        dataset_index.job(data.name), "The map", "stop_map", "The map could not be computed.", since=dataset_index.drawn_at(data)
    )
    of = cache.map_points(data)
    if of is None:
        if not busy:
            _invitation(data, images)
        return None
    _staleness(data, of, busy)
    chosen = _chosen(data)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        colouring, seen = _coloured(data, of, wanted, colours, run)
    with right:
        _strays(of, seen)
    opened = scatter(
        of.drawn, colouring.group, colouring.groups, key="map", labels=colouring.labels, source=about_url(data.name),
        shown=seen if not seen.all() else None,
        picked=np.isin(of.drawn.ids, chosen.ids) if chosen else None,
        area=chosen.pick.corners if chosen else None,
        label=f"Map of {len(of.drawn):,} images",
        on_area=lambda corners: _select(from_corners(of.drawn.version, corners)),
    )  # fmt: skip
    st.caption(_note(data, of))
    return opened


def _chosen(data: Dataset) -> MapSelection | None:
    """What is selected, kept in the address; what the address holds of an earlier map is said and removed."""
    result = read_selection(data)
    if result is not None:
        url_state.remember(AREA, result.pick.to_text())
    elif url_state.recall(AREA):
        st.caption("The selection in this address was made on an earlier map of this dataset, and is left out.")
        url_state.forget(AREA)
    return result


def _select(pick: Pick | None) -> None:
    if pick is None:
        url_state.forget(AREA)
    else:
        url_state.set_choice(AREA, pick.to_text())


def _coloured(
    data: Dataset, of: Points, wanted: Filter, colours: Mapping[str, str], run: Run | None
) -> tuple[Colouring, np.ndarray]:
    """The colours that were chosen, and which points the filter leaves."""
    said = align_predictions(run.id, of.columns) if run is not None else None
    options = {"class": "class", "split": "split", **({"verdict": f"predictions of {run.id}"} if said is not None else {})}
    by = url_state.choose(st.segmented_control, "Colour by", list(options), "map_colour", format_func=options.__getitem__)
    seen = of.present & np.isin(of.drawn.ids, data.catalog.view(wanted).ids()) if wanted != Filter() else of.present
    if by == "verdict":
        return colour_by_verdict(of, said, seen), seen
    return colour_by_split(of, _SPLIT_TINTS, seen) if by == "split" else colour_by_class(of, colours, seen), seen


def _strays(of: Points, seen: np.ndarray) -> None:
    """A list that selects without a pointer: images of one class whose neighbours are of another."""
    names = of.columns.names
    result = {f"{own}_{around}": (own, around, n) for own, around, n in of.strays(seen, _STRAYS)}
    pick = read_pick(url_state.recall(AREA) or "")
    now = "_".join(map(str, pick.among)) if pick is not None and pick.among else ""

    def say(option: str) -> str:
        if not option:
            return "none"
        own, around, n = result[option]
        # The number first: it is what would be cut off where the list is narrow.
        return f"{n:,}: {formatting.plain(names[own])} among {formatting.plain(names[around])}"

    def choose() -> None:
        # The browser may send an option of a list that has changed meanwhile; Streamlit then gives its label.
        pair = result.get(st.session_state["map_strays"])
        _select(Pick(of.drawn.version, among=pair[:2]) if pair else None)

    st.session_state["map_strays"] = now if now in result else ""
    st.selectbox(
        "Images surrounded by another class", ["", *result], format_func=say, key="map_strays", on_change=choose,
        help="Their nearest neighbours are mostly of the other class: confusable images, or wrong labels.",
    )  # fmt: skip


def _note(data: Dataset, of: Points) -> str:
    document = of.drawn.document
    images, kept = document["of"], document["kept"]
    sample = (
        f" An even sample of {len(of.drawn):,} of {images:,} images is drawn, and only these can be selected here."
        if len(of.drawn) < images
        else ""
    )
    return (
        "Nearby images look similar to EfficientNet-Lite0, a network that learned from ImageNet and not from these classes "
        f"(t-SNE; of an image's 10 nearest, {10 * kept:.1f} on average are among its 10 nearest here). "
        f"Distances between clusters and their sizes are not meaningful.{sample} "
        "Lasso and Box select, a click opens an image, Ctrl and the wheel zoom."
    )


# How the map comes to be


def _invitation(data: Dataset, images: int) -> None:
    state = dataset_index.job(data.name).status().state
    begun = " Results so far are kept." if state in ("stopped", "failed") else ""
    st.info(
        f"No map yet. It is computed from embeddings of the {images:,} images: roughly "
        f"{formatting.duration(20 + images / _RATE)}, in the background.{begun}",
        icon=":material/scatter_plot:",
    )
    _start_button(data, "Compute map" if state == "none" else "Go on")


def _staleness(data: Dataset, of: Points, busy: bool) -> None:
    """Where the catalog has changed since the map was drawn: by how much, and a button."""
    index = cache.embedding_index(data)
    behind = cache.count_unindexed(data, index) if index is not None else 0
    gone = len(of.drawn) - int(of.present.sum())
    unfinished = index is not None and index.digest != of.drawn.document["index"]
    if busy or not (behind or gone or unfinished):
        return
    changes = (
        (behind, "image came or changed", "images came or changed"),
        (gone, "image is gone or changed", "images are gone or changed"),
    )
    said = ", ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in changes if n)
    text, action = st.columns([3, 1], vertical_alignment="center")
    text.caption(f"Since this map was drawn, {said}: not on it." if said else "This map was drawn on earlier embeddings.")
    with action:
        _start_button(data, "Update map")


def _start_button(data: Dataset, label: str) -> None:
    if st.button(label, icon=":material/scatter_plot:", key="draw_map"):
        try_and_rerun(dataset_index.job(data.name).start)
