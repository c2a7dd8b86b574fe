"""One image in full: the prediction, a form to correct it, and the nearest training images."""

import math

import streamlit as st

from dashboard import cache
from dashboard.app import browser_history, formatting
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import Tile, gallery
from dashboard.predict.controls import View, heatmap_controls
from dashboard.predict.correction import correction_form
from dashboard.predict.prediction import ImagePredictions, badge, best_class, image_pane, prediction_bars, sentence
from engine.core.errors import UserError
from engine.core.number_text import percent
from engine.data.datasets import load_dataset
from engine.data.decoding import ImageError
from engine.inference.batch.store import Batch
from engine.inference.verdict import UNKNOWN

_NEAREST = 8
_OPEN = "detail-open"


def open_detail(batch: Batch, predictions: ImagePredictions, view: View) -> None:
    """Open the dialog on one image."""
    st.session_state[_OPEN] = True
    _dialog(batch, predictions, view)


def detail_is_open() -> bool:
    return _OPEN in st.session_state


def forget_detail() -> None:
    """Note that no dialog is open: for the start of a full rerun of the page, which closes it."""
    st.session_state.pop(_OPEN, None)


@st.dialog("Image", width="large", on_dismiss=forget_detail)
def _dialog(batch: Batch, predictions: ImagePredictions, view: View) -> None:
    detail(batch, predictions, heatmap_controls(view) if view.in_grid else view)
    if view.in_grid:  # only then does the dialog have controls, whose choices are in the address
        browser_history.write_address("predict-dialog")


def detail(batch: Batch, predictions: ImagePredictions, view: View) -> None:
    """Draw one image with its prediction, its correction and its neighbours."""
    verdict = predictions.verdict
    image, key = predictions.image, f"detail-{batch.id}-{predictions.image.number}"
    left, right = st.columns([5, 6], gap="large")
    with left:
        image_pane(batch, image, view, verdict.classes[0], f"pane-{key}")
        st.caption(f"{formatting.literal(image.name)}. The square that the network saw: drag the line, or use the arrow keys.")
    with right:
        unknown = verdict.kind == UNKNOWN
        st.subheader("Out-of-distribution?" if unknown else best_class(predictions.mean), anchor=False)
        st.markdown(f"{'' if unknown else badge(verdict)} {sentence(verdict, predictions.judge)}")
        prediction_bars(predictions, view, key)
        correction_form(predictions, view.run, key)
        # Last, because these take a while: arriving late, they move nothing that a person is about to press.
        _novelty(predictions, view)
        _nearest(batch, predictions, view)


def _novelty(predictions: ImagePredictions, view: View) -> None:
    judge, novelty = cache.judge((view.run,)), predictions.by_run[view.run.id].novelty
    if judge.detector is None or not judge.decides or math.isnan(novelty):
        return
    share = judge.detector.percentile(novelty)
    others = "any" if share >= 1 else percent(share, 0)
    st.caption(f"More unusual than {others} of the validation images.")


def _nearest(batch: Batch, predictions: ImagePredictions, view: View) -> None:
    judge = cache.judge((view.run,))
    if judge.detector is None:
        return
    try:
        data = load_dataset(view.run.config.dataset)
        ids, distances = cache.nearest_training_images(view.run, judge, batch, predictions.image.number, _NEAREST)
    except (UserError, ImageError) as error:
        st.caption(formatting.literal(str(error)))
        return
    st.markdown("Nearest training images, by the network's embedding")
    rows, colours = data.catalog.rows(ids.tolist()), class_colours(view.run.classes)
    tiles = [
        Tile(
            id=row.id, src=thumbnail_url(data.name, row.id, row.hash), preview=preview_url(data.name, row.id, row.hash),
            caption=row.class_name or "", notes=[f"distance {distance:.3f}"], colour=colours.get(row.class_name or ""),
            facts={"class": row.class_name or "", "file": row.path, "distance": f"{distance:.4f}"},
            alt=f"{row.class_name or 'unlabelled'}, distance {distance:.3f}, {row.path}",
        )
        for image, distance in zip(ids.tolist(), distances, strict=True) if (row := rows.get(image)) is not None
    ]  # fmt: skip
    gallery(
        tiles,
        key=f"nearest-{batch.id}-{predictions.image.number}",
        size="S",
        scope=data.name,
        label="The nearest training images",
    )
