"""Few pictures: each answered as one looks, and shown as a card."""

import contextlib
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.predict.answer import Said, bars, headline, picture_pane, sentence, verdict_of
from dashboard.predict.controls import View
from dashboard.predict.detail import detail, open_detail
from dashboard.predict.unused import report_unused
from engine.core.errors import DiskError
from engine.inference.batch.answers import answer
from engine.inference.batch.store import Batch
from engine.runs.run import Run

FEW = 12
_COLUMNS = 4


def few(of: Batch, view: View, settled: bool) -> None:
    """The cards, each as soon as its answer is made; files that cannot be read are named. `settled`: answers are final."""
    shown = sum(not picture.reason for picture in of.pictures)
    places = _places(shown) if shown > 1 else None
    report, errors = st.empty(), [(picture.name, picture.reason) for picture in of.pictures if picture.reason]
    report_unused(of, errors, report)
    for said in _said(of, view, settled):
        if said.error:
            if said.picture.reason:
                continue
            errors.append((said.picture.name, said.error))
            report_unused(of, errors, report)  # at once: the next answer may take a while
        elif places is None:
            detail(of, said, view)
        else:
            with next(places):
                _card(of, said, view)


def _places(count: int) -> Iterator:
    columns = min(count, _COLUMNS)
    while True:
        for column in st.columns(columns, gap="medium"):
            yield column.container(border=True)


def _said(of: Batch, view: View, keep: bool) -> Iterator[Said]:
    """What the runs say of each picture, in order: read where it was kept, made otherwise."""
    judge = cache.judge(view.runs)
    with contextlib.ExitStack() as open_:
        sources = {run.id: open_.enter_context(contextlib.closing(_rows(of, run, keep))) for run in view.runs}
        known: dict[str, dict[int, pd.Series]] = {run.id: {} for run in view.runs}
        for picture in of.pictures:
            for run_id, rows in known.items():
                while picture.number not in rows:
                    rows.update(next(sources[run_id]))
            yield Said(picture, {run_id: rows[picture.number] for run_id, rows in known.items()}, judge)


def _rows(of: Batch, run: Run, keep: bool) -> Iterator[dict[int, pd.Series]]:
    made = cache.batch_predictions(of, run)
    yield _by_number(made)
    if len(made) < len(of.pictures):
        # What the disk does not take is answered again at the next look.
        with (
            contextlib.suppress(DiskError),
            contextlib.closing(answer(of, run, cache.model(run), cache.judge((run,)), at_once=1, keep=keep)) as fresh,
        ):
            yield from map(_by_number, fresh)


def _by_number(rows: pd.DataFrame) -> dict[int, pd.Series]:
    return {int(row["number"]): row for _, row in rows.iterrows()}


def _card(of: Batch, said: Said, view: View) -> None:
    probabilities, verdict = verdict_of(said, view)
    best, key = verdict.classes[0], f"answer-{of.id}-{said.picture.number}"
    picture_pane(of, said.picture, view, best, f"pane-{key}")
    st.markdown(headline(verdict, probabilities))
    if told := sentence(verdict, said.judge):
        st.caption(told)
    bars(said, view, probabilities, key)
    filed = f" filed under {formatting.literal(said.picture.class_name)}" if said.picture.class_name in said.judge.classes else ""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{formatting.literal(said.picture.name.rpartition('/')[2])}{filed}", width="stretch")
        if st.button(
            "More",
            key=f"more-{key}",
            help="Nearest training images, and the right class if this is wrong.",
            type="tertiary",
        ):
            open_detail(of, said, view)
