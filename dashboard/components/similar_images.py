"""Images like this one: its nearest neighbours by embedding, with distances; those of another class stand out."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.components.gallery import Tile, gallery
from engine.core.errors import UserError
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index

SHOWN = 12
_MANY = 100_000  # images: a search takes a moment
_MAJORITY = 2 / 3  # of the neighbours in one other class: worth a word

_AMONG = {"all": "all images", "train": "training images", "same": "the same class", "other": "other classes"}


def similar_images(data: Dataset, row: Row, colours: Mapping[str, str], key: str = "similar") -> int | None:
    """Draw the images nearest to this one; the id of the one that was clicked in this rerun, else None."""
    index = cache.embedding_index(data)
    if index is None:
        _no_embeddings(data)
        return None
    options = [option for option in _AMONG if row.class_name is not None or option in ("all", "train")]
    among = url_state.choose(
        st.segmented_control,
        "Similar images among",
        options,
        "nearest_of",
        format_func=_AMONG.__getitem__,
        label_visibility="collapsed",
    )
    searching = st.spinner(f"Comparing with {len(index):,} images") if len(index) > _MANY else contextlib.nullcontext()
    try:
        with searching:
            result = cache.find_neighbours(data, index, row.id, SHOWN, _filter(data, row, among))
    except UserError as error:
        st.caption(formatting.literal(str(error)))
        return None
    rows = data.catalog.rows(result["id"].tolist())
    result = result[result["id"].isin(rows)]
    if among == "all":
        _verdict(row, [rows[image].class_name for image in result["id"]])
    tiles = [_tile(data, row, rows[at.id], at, colours) for at in result.itertuples()]
    opened = gallery(
        tiles, key=key, size="S", label=f"Images similar to {row.path}", empty="There are none among these images."
    ).opened
    of = cache.map_points(data)
    usual = f", two images of this dataset picked at random lie {of.drawn.document['apart']:.2f} apart" if of is not None else ""
    st.caption(
        f"Distance is 1 minus the cosine between what EfficientNet-Lite0 sees in two images: 0 is the same picture{usual}."
    )
    return opened


def _filter(data: Dataset, row: Row, among: str) -> Filter | None:
    if among == "train":
        return Filter(splits=("train",))
    if among == "same":
        return Filter(classes=(row.class_name,))
    if among == "other":
        return Filter(classes=tuple(name for name in data.catalog.columns().names if name != row.class_name))
    return None


def _verdict(row: Row, neighbours: Sequence[str | None]) -> None:
    """A sentence where most neighbours are of one other class."""
    commonest, n = Counter(filter(None, neighbours)).most_common(1)[0] if any(neighbours) else (None, 0)
    if row.class_name is None or commonest in (None, row.class_name) or n < _MAJORITY * len(neighbours):
        return
    st.markdown(
        f":orange-badge[:material/help: {n} of {len(neighbours)}] of the nearest are **{formatting.literal(commonest)}**; this one is filed "
        f"under **{formatting.literal(row.class_name)}**. A confusable image, or a wrong label."
    )


def _tile(data: Dataset, of: Row, row: Row, at: "pd.core.frame.Pandas", colours: Mapping[str, str]) -> Tile:
    name = row.class_name or "unlabelled"
    other = of.class_name is not None and row.class_name is not None and row.class_name != of.class_name
    said = "the same file" if at.copy else f"distance {at.distance:.3f}"
    return Tile(
        id=row.id,
        src=thumbnail_url(data.name, row.id, row.hash),
        preview=preview_url(data.name, row.id, row.hash),
        caption=name,
        notes=[said, row.split or ""],
        facts={"class": name, "split": row.split or "", "file": row.path, "distance": f"{at.distance:.4f}"},
        colour=colours.get(row.class_name),
        badge="other class" if other else None,
        badge_colour=colours.get(row.class_name) if other else None,
        alt=f"{name}, {said}, {row.path}",
    )


def _no_embeddings(data: Dataset) -> None:
    if dataset_index.job(data.name).status().state == "working":
        st.caption("Similar images can be shown once the map is drawn: it is being computed.")
        return
    st.caption("Similar images are found by what a network sees in them. That has not been computed for this dataset yet.")
    if st.button("Compute it", icon=":material/scatter_plot:", key="similar_start"):
        try_and_rerun(dataset_index.job(data.name).start)
