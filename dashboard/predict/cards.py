"""A few images: each is classified while the person watches, and shown as a card."""

import contextlib
from collections.abc import Callable, Generator, Iterator

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import cache
from dashboard.app import formatting
from dashboard.predict.controls import View
from dashboard.predict.detail import detail, open_detail
from dashboard.predict.prediction import ImagePredictions, headline, image_pane, prediction_bars, sentence
from dashboard.predict.unused_files import report_unused
from engine.core.errors import DiskError
from engine.data.predictions import ImagePrediction
from engine.inference.batch.predictions import predict_batch
from engine.inference.batch.store import Batch, BatchImage
from engine.runs.run import Run

MAX_CARDS = 12
_COLUMNS = 4


def prediction_cards(batch: Batch, view: View, settled: bool) -> None:
    """Draw the cards, each as soon as its prediction is there; unreadable files are named. `settled`: predictions are final."""
    readable = sum(not image.reason for image in batch.images)
    places = _places(readable) if readable > 1 else None
    report, errors = st.empty(), [(image.name, image.reason) for image in batch.images if image.reason]
    report_unused(batch, errors, report)
    for predictions in _predict_in_order(batch, view, settled):
        if predictions.error:
            if predictions.image.reason:
                continue
            errors.append((predictions.image.name, predictions.error))
            report_unused(batch, errors, report)  # at once: the next prediction may take a while
        elif places is None:
            detail(batch, predictions, view)
        else:
            with next(places):
                _card(batch, predictions, view)


def _places(count: int) -> Iterator[DeltaGenerator]:
    """Bordered containers, row by row without end."""
    columns = min(count, _COLUMNS)
    while True:
        for column in st.columns(columns, gap="medium"):
            yield column.container(border=True)


def _predict_in_order(batch: Batch, view: View, keep: bool) -> Iterator[ImagePredictions]:
    """What the runs predict for each image, in order: saved predictions where there are any, new ones otherwise."""
    judge = cache.judge(view.runs)
    with contextlib.ExitStack() as stack:
        sources = {run.id: stack.enter_context(contextlib.closing(_predictions(batch, run, keep))) for run in view.runs}
        known: dict[str, dict[int, ImagePrediction]] = {run.id: {} for run in view.runs}
        for image in batch.images:
            for run_id, images in known.items():
                while image.number not in images:
                    images.update(next(sources[run_id]))
            yield ImagePredictions(image, {run_id: images[image.number] for run_id, images in known.items()}, judge)


def _predictions(batch: Batch, run: Run, keep: bool) -> Generator[dict[int, ImagePrediction]]:
    saved = cache.batch_predictions(batch, run)
    yield {number: saved.image(number) for number in saved.numbers}
    if len(saved) < len(batch.images):
        # Where the disk is full, the predictions are shown all the same, and made again the next time. One image at a time, so that
        # the first card appears as soon as possible.
        with (
            contextlib.suppress(DiskError),
            contextlib.closing(
                predict_batch(batch, run, cache.model(run), cache.judge((run,)), batch_size=1, keep=keep, source=_decode)
            ) as new,
        ):
            yield from new


def _decode(image: BatchImage) -> Callable[[int], np.ndarray]:
    """What the network sees; the heatmap and the picture on screen are made of the same decoding."""
    return lambda size: cache.upload_squares(image, size).network


def _card(batch: Batch, predictions: ImagePredictions, view: View) -> None:
    image, verdict = predictions.image, predictions.verdict
    best, key = verdict.classes[0], f"answer-{batch.id}-{image.number}"
    image_pane(batch, image, view, best, f"pane-{key}")
    st.markdown(headline(verdict, predictions.mean))
    if text := sentence(verdict, predictions.judge):
        st.caption(text)
    prediction_bars(predictions, view, key)
    folder = f" filed under {formatting.literal(image.class_name)}" if image.class_name in predictions.judge.classes else ""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{formatting.literal(image.name.rpartition('/')[2])}{folder}", width="stretch")
        more_help = "Nearest training images, and a correction if the prediction is wrong."
        if st.button("More", key=f"more-{key}", help=more_help, type="tertiary"):
            open_detail(batch, predictions, view)
