"""Few pictures: each answered as one looks, and shown as a card."""

import contextlib
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.predict.controls import View
from dashboard.predict.detail import detail, open_detail
from dashboard.predict.prediction import ImagePredictions, compute_verdict, headline, image_pane, prediction_bars, sentence
from dashboard.predict.unused import report_unused
from engine.core.errors import DiskError
from engine.inference.batch.answers import answer
from engine.inference.batch.store import Batch
from engine.runs.run import Run

MAX_CARDS = 12
_COLUMNS = 4


def prediction_cards(batch: Batch, view: View, settled: bool) -> None:
    """The cards, each as soon as its answer is made; files that cannot be read are named. `settled`: answers are final."""
    shown = sum(not picture.reason for picture in batch.pictures)
    places = _places(shown) if shown > 1 else None
    report, errors = st.empty(), [(picture.name, picture.reason) for picture in batch.pictures if picture.reason]
    report_unused(batch, errors, report)
    for predictions in _said(batch, view, settled):
        if predictions.error:
            if predictions.picture.reason:
                continue
            errors.append((predictions.picture.name, predictions.error))
            report_unused(batch, errors, report)  # at once: the next answer may take a while
        elif places is None:
            detail(batch, predictions, view)
        else:
            with next(places):
                _card(batch, predictions, view)


def _places(count: int) -> Iterator:
    columns = min(count, _COLUMNS)
    while True:
        for column in st.columns(columns, gap="medium"):
            yield column.container(border=True)


def _said(batch: Batch, view: View, keep: bool) -> Iterator[ImagePredictions]:
    """What the runs say of each picture, in order: read where it was kept, made otherwise."""
    judge = cache.judge(view.runs)
    with contextlib.ExitStack() as open_:
        sources = {run.id: open_.enter_context(contextlib.closing(_rows(batch, run, keep))) for run in view.runs}
        known: dict[str, dict[int, pd.Series]] = {run.id: {} for run in view.runs}
        for picture in batch.pictures:
            for run_id, rows in known.items():
                while picture.number not in rows:
                    rows.update(next(sources[run_id]))
            yield ImagePredictions(picture, {run_id: rows[picture.number] for run_id, rows in known.items()}, judge)


def _rows(batch: Batch, run: Run, keep: bool) -> Iterator[dict[int, pd.Series]]:
    made = cache.batch_predictions(batch, run)
    yield _by_number(made)
    if len(made) < len(batch.pictures):
        # What the disk does not take is answered again at the next look.
        with (
            contextlib.suppress(DiskError),
            contextlib.closing(answer(batch, run, cache.model(run), cache.judge((run,)), at_once=1, keep=keep)) as fresh,
        ):
            yield from map(_by_number, fresh)


def _by_number(rows: pd.DataFrame) -> dict[int, pd.Series]:
    return {int(row["number"]): row for _, row in rows.iterrows()}


def _card(batch: Batch, predictions: ImagePredictions, view: View) -> None:
    probabilities, verdict = compute_verdict(predictions, view)
    best, key = verdict.classes[0], f"answer-{batch.id}-{predictions.picture.number}"
    image_pane(batch, predictions.picture, view, best, f"pane-{key}")
    st.markdown(headline(verdict, probabilities))
    if told := sentence(verdict, predictions.judge):
        st.caption(told)
    prediction_bars(predictions, view, probabilities, key)
    filed = (
        f" filed under {formatting.literal(predictions.picture.class_name)}"
        if predictions.picture.class_name in predictions.judge.classes
        else ""
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{formatting.literal(predictions.picture.name.rpartition('/')[2])}{filed}", width="stretch")
        if st.button(
            "More",
            key=f"more-{key}",
            help="Nearest training images, and the right class if this is wrong.",
            type="tertiary",
        ):
            open_detail(batch, predictions, view)
