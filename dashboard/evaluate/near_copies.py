"""Leaks: the score without copies and near-copies of training images, and each of these beside its training image."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app import url_state
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.paging import page_count, page_slice
from dashboard.app.url_state import page_parameter
from dashboard.charts.dot_plot import interval_dots
from dashboard.charts.figure import CONFIG
from dashboard.components.gallery import Tile, gallery
from dashboard.components.image_dialog import image_dialog
from dashboard.components.scored_gallery import PredictionRow, iterate_rows, scored_tile
from dashboard.components.scored_run import ScoredRun
from engine.core.text_output import csv_text
from engine.data.catalog import Row as CatalogRow
from engine.data.datasets import Dataset, load_dataset
from engine.evaluation.near_copies import DISTANCES, NearCopies, score_without_copies
from engine.evaluation.trust import Evidence

_PAIRS = 12  # per page
_PAGE = page_parameter("copies_page")
_COLUMNS = 4
_EMBEDDING = "of a network trained on ImageNet: 0 for the same image, about 0.7 for two random ones"


def near_copies(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    if near is None:
        st.info("Copies cannot be checked: the dataset's catalog is missing.", icon=":material/folder_off:")
        return
    if not near.known:
        st.info(
            "Near-copies are found by embeddings, which this dataset does not have yet: compute its map on the Explore page (Similarity map). "
            "Copies of files are counted either way.", icon=":material/scatter_plot:",
        )  # fmt: skip
    distances = (0.0, *DISTANCES) if near.known else (0.0,)
    scores = [score_without_copies(near, evidence.right, distance) for distance in distances]
    rows = pd.DataFrame({
        "name": ["all images", *("without copies of files" if not w.distance else f"without those closer than {w.distance:g}" for w in scores)],
        "value": [evidence.right.mean(), *(w.accuracy.value for w in scores)],
        "low": [scored.document["accuracy"]["low"], *(w.accuracy.low for w in scores)],
        "high": [scored.document["accuracy"]["high"], *(w.accuracy.high for w in scores)],
        "text": [f"{len(evidence.right):,} images", *(f"{w.excluded:,} excluded, {w.wrong:,} wrong" for w in scores)],
    })  # fmt: skip
    st.plotly_chart(interval_dots(rows, names_above=True), config=CONFIG, key="copies-chart")
    st.caption(
        f"Accuracy without the images that are close to a training image, by cosine distance of the embeddings ({_EMBEDDING})."
    )
    _pairs(scored, evidence, near)


def _pairs(scored: ScoredRun, evidence: Evidence, near: NearCopies) -> None:
    """Draw each image beside the training image nearest to it, nearest pairs first, so that a person sees whether they are the same."""
    places = np.flatnonzero(near.within(DISTANCES[-1]))
    # Copies of files first: -1 is below every distance.
    places = places[np.argsort(np.where(near.exact, -1, near.distance)[places], kind="stable")]
    if not len(places):
        st.caption("No test image is that close to a training image.")
        return
    data = load_dataset(scored.run.config.dataset)
    rows = evidence.predictions.table.iloc[places].assign(
        distance=near.distance[places], twin=near.twin[places], same_file=near.exact[places]
    )
    number = url_state.choose_page(page_count(len(rows), _PAIRS), f"{scored.run.id}-{scored.split}-copies", _PAGE)
    shown = rows.iloc[page_slice(number, len(rows), _PAIRS)]
    twins = data.catalog.rows([int(twin) for twin in shown["twin"] if twin >= 0])
    images = list(iterate_rows(shown))
    for start in range(0, len(images), _COLUMNS):
        # Row by row: on a phone, columns that are filled one after the other would lose the order.
        pairs = zip(images[start : start + _COLUMNS], st.columns(_COLUMNS, gap="small"), strict=False)
        for place, (row, column) in enumerate(pairs, start):
            with column.container(border=True):
                _pair(scored, data, row, twins.get(int(row.twin)), place)
    table = rows.assign(train=[_path(data, int(twin)) for twin in rows["twin"]])
    st.download_button(
        f"Table of {len(table):,} as CSV", lambda: _csv(table, scored.classes), f"{scored.run.id}-{scored.split}-copies.csv",
        "text/csv", key="copies-csv", type="tertiary", icon=":material/table:", on_click="ignore",
    )  # fmt: skip


def _pair(scored: ScoredRun, data: Dataset, row: PredictionRow, twin: CatalogRow | None, place: int) -> None:
    click = gallery(
        [scored_tile(scored, row, lambda row: [scored.split])] + ([_twin_tile(scored, data, twin)] if twin is not None else []),
        key=f"copies-{place}", size="S", scope=f"copies-{row.image_id}", label=f"{row.path} and the nearest training image",
    )  # fmt: skip
    st.caption("the same file" if row.same_file else f"cosine distance {row.distance:.3f}")
    if click.opened == row.image_id:
        image_dialog(scored.run, scored.table[scored.table["image_id"] == row.image_id].reset_index(drop=True), 0)


def _twin_tile(scored: ScoredRun, data: Dataset, twin: CatalogRow) -> Tile:
    name = twin.class_name or "unlabelled"
    return Tile(
        id=twin.id, src=thumbnail_url(data.name, twin.id, twin.hash), preview=preview_url(data.name, twin.id, twin.hash), caption=name,
        notes=["train"], colour=scored.colours.get(name), alt=f"Training image: {name}, {twin.path}", facts={"File": twin.path},
    )  # fmt: skip


def _path(data: Dataset, image_id: int) -> str:
    row = data.catalog.get(image_id) if image_id >= 0 else None
    return row.path if row is not None else ""


def _csv(rows: pd.DataFrame, classes: Sequence[str]) -> str:
    named = rows.assign(true=[classes[place] for place in rows["true"]])
    return csv_text(named[["path", "true", "train", "distance", "same_file"]], float_format="%.6g")
