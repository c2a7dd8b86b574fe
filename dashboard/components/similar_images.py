"""Images similar to one: its nearest neighbours by embedding, with distances; those of another class are marked."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.url_state import Parameter
from dashboard.components.gallery import Tile, gallery
from engine.core.address import Choice
from engine.core.errors import UserError
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index

SHOWN = 12
_MANY = 100_000  # images: a search takes a moment
_MAJORITY = 2 / 3  # of the neighbours in one other class: worth a note

_AMONG = {"all": "all images", "train": "training images", "same": "the same class", "other": "other classes"}
NEAREST_OF = Parameter("nearest_of", Choice(tuple(_AMONG)), "all")


def similar_images(data: Dataset, row: Row, colours: Mapping[str, str], key: str = "similar") -> int | None:
    """The id of the image that was clicked in this rerun, else None; draws the images nearest to this one."""
    index = cache.embedding_index(data)
    if index is None:
        _no_embeddings(data)
        return None
    options = [option for option in _AMONG if row.class_name is not None or option in ("all", "train")]
    among = url_state.choose(
        st.segmented_control,
        "Similar images among",
        NEAREST_OF,
        options,
        format_func=_AMONG.__getitem__,
        label_visibility="collapsed",
    )
    searching = st.spinner(f"Comparing with {len(index):,} images") if len(index) > _MANY else contextlib.nullcontext()
    try:
        with searching:
            neighbours = cache.find_neighbours(data, index, row.id, SHOWN, _filter(data, row, among))
    except UserError as error:
        st.caption(formatting.literal(str(error)))
        return None
    rows = data.catalog.rows(neighbours["id"].tolist())
    # The index may hold images that are no longer in the catalog.
    neighbours = neighbours[neighbours["id"].isin(rows)]
    if among == "all":
        _verdict(row, [rows[image].class_name for image in neighbours["id"]])
    columns = zip(neighbours["id"].tolist(), neighbours["distance"].tolist(), neighbours["copy"].tolist(), strict=True)
    tiles = [_tile(data, row, rows[image], distance, is_copy, colours) for image, distance, is_copy in columns]
    opened = gallery(
        tiles, key=key, size="S", label=f"Images similar to {row.path}", empty="There are none among these images."
    ).opened
    points = cache.map_points(data)
    typical = ""
    if points is not None:
        typical = f"; two random images of this dataset have a distance of about {points.drawn.document['apart']:.2f}"
    st.caption(f"Distance: 1 minus the cosine of two images' EfficientNet-Lite0 embeddings. 0 is the same image{typical}.")
    return opened


def _filter(data: Dataset, row: Row, among: str) -> Filter | None:
    if among == "train":
        return Filter(splits=("train",))
    if among == "same" and row.class_name is not None:
        return Filter(classes=(row.class_name,))
    if among == "other":
        return Filter(classes=tuple(name for name in data.catalog.columns().names if name != row.class_name))
    return None


def _verdict(row: Row, neighbours: Sequence[str | None]) -> None:
    """Say so where most neighbours have one other class."""
    counts = Counter(name for name in neighbours if name)
    if row.class_name is None or not counts:
        return
    name, count = counts.most_common(1)[0]
    if name == row.class_name or count < _MAJORITY * len(neighbours):
        return
    st.markdown(
        f":orange-badge[:material/help: {count} of {len(neighbours)}] nearest images are **{formatting.literal(name)}**; this one is labelled "
        f"**{formatting.literal(row.class_name)}**. The image is ambiguous, or its label is wrong."
    )


def _tile(data: Dataset, query: Row, row: Row, distance: float, is_copy: bool, colours: Mapping[str, str]) -> Tile:
    name = row.class_name or "unlabelled"
    is_other = query.class_name is not None and row.class_name is not None and row.class_name != query.class_name
    note = "the same file" if is_copy else f"distance {distance:.3f}"
    return Tile(
        id=row.id,
        src=thumbnail_url(data.name, row.id, row.hash),
        preview=preview_url(data.name, row.id, row.hash),
        caption=name,
        notes=[note, row.split or ""],
        facts={"class": name, "split": row.split or "", "file": row.path, "distance": f"{distance:.4f}"},
        colour=colours.get(name),
        badge="other class" if is_other else None,
        badge_colour=colours.get(name) if is_other else None,
        alt=f"{name}, {note}, {row.path}",
    )


def _no_embeddings(data: Dataset) -> None:
    if dataset_index.job(data.name).status().state == "working":
        st.caption("Similar images are shown once the map, which is being computed, is ready.")
        return
    st.caption("Similar images are found by their embeddings, which have not been computed for this dataset yet.")
    if st.button("Compute embeddings", icon=":material/scatter_plot:", key="similar_start"):
        try_and_rerun(dataset_index.job(data.name).start)
