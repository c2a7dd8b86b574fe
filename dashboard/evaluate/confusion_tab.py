"""Confusion matrix The matrix, the most confused pairs, and the pictures behind what is chosen."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.page_part import page_part
from dashboard.app.widgets import show_value
from dashboard.charts.bars import score_bars
from dashboard.charts.figure import CONFIG
from dashboard.components.scored_gallery import PredictionRow, choose_order, scored_gallery, sort_rows
from dashboard.components.scored_run import ScoredRun
from dashboard.evaluate.cells import CellSelection, Part, cell_box, read_selection, set_selection
from dashboard.evaluate.comparison import ConfusionView, choose_sides, load_view, overlap_caption
from dashboard.evaluate.confusions import confusion_panel
from engine.core.number_text import percent
from engine.evaluation.metrics import confused_pairs

_PAIRS = 6
_SCORES_UP_TO = 40  # classes whose scores are drawn; more are a table


def confusion_tab(scored: ScoredRun) -> None:
    _matrix_and_gallery(scored)
    shown = load_view(scored)[0].scores
    for place, of in enumerate(shown):
        own = len(shown) == 1 and of.run.id == scored.run.id
        st.subheader("Class by class" if own else f"Class by class: {formatting.literal(of.run.id)}", anchor=False)
        _class_scores(of, "class-scores" if place == 0 else f"class-scores-{place}")


@page_part(
    "cells",
    "cell_page",
    "page_back",
    "sort",
    "numbers",
    "matrix_order",
    "colours",
    "shown",
    "classes",
    "true",
    "predicted",
    "both",
    "open",
)
def _matrix_and_gallery(scored: ScoredRun) -> None:
    """A part of its own: a click in the matrix runs this and nothing else. Other rows or columns change the page's headline, too."""
    top, aside = st.columns([9, 2], vertical_alignment="bottom")
    with aside:
        of = choose_sides(scored)
    classes = of.crossing.classes
    with top:
        _pair_pills(of)
    overlap_caption(of)
    left, right = st.columns([5, 7], gap="large")
    now = read_selection(classes)
    with left:
        confusion_panel(of, now)
    with right:
        box, sort = st.columns([5, 3])
        with box:
            cell_box(now, of.matrix, classes, of.off_diagonal)
        with sort:
            order = choose_order()
        _gallery(of, now, order)


def _pair_pills(of: ConfusionView) -> None:
    """The most confused pairs, a click each: both directions."""
    classes = of.crossing.classes
    numbers = list(range(len(classes)))
    pairs = confused_pairs(of.matrix, numbers).head(_PAIRS)
    labels = {f"{p.a}-{p.b}_{p.b}-{p.a}": f"{classes[p.a]} ⇄ {classes[p.b]}: {p.errors:,}" for p in pairs.itertuples()}
    if not labels:
        return

    def pick() -> None:
        first = (st.session_state["pair"] or "").partition("_")[0]
        part = Part(*map(int, first.split("-"))) if first else None
        set_selection(CellSelection((part, part.opposite)) if part else CellSelection())

    now = read_selection(classes).to_text()
    show_value("pair", now if now in labels else None, list(labels.values()))
    label = "Most often confused" if of.other is None else "Most often disagreed"
    st.pills(label, list(labels), format_func=lambda pair: formatting.literal(labels[pair]), key="pair", on_change=pick)


def _gallery(of: ConfusionView, now: CellSelection, order: str) -> None:
    """The pictures behind what is chosen; the two directions of a pair stand side by side, smaller."""
    classes = of.crossing.classes
    directions = now.directions
    for place, (direction, panel) in enumerate(zip(directions, st.columns(len(directions), gap="medium"), strict=True)):
        result = sort_rows(of.images(direction.mask(len(classes))), order)
        with panel:
            st.markdown(_title(result, direction, of))
            scored_gallery(
                of.scored, result, f"cell-{place}", scope=f"{of.key}-{direction.to_text()}-{order}",
                page="cell_page" if place == 0 else "page_back",  # the second direction turns its own pages
                size="S" if len(directions) > 1 else "M", empty="No image is in this cell.", notes=_notes(of),
            )  # fmt: skip


def _notes(of: ConfusionView) -> Callable[[PredictionRow], Sequence[str]] | None:
    """Where two runs are compared, a picture says what each of them answers."""
    if of.other is None:
        return None
    other, places = of.other
    theirs = np.zeros(len(of.scored.predictions), int)
    theirs[of.rows_of] = places

    def notes(row: PredictionRow) -> Sequence[str]:
        second = other.predictions.iloc[theirs[row.Index]]
        return [
            _answer(of.scored, row.predicted, row.confidence),
            _answer(other, second["predicted"], second["confidence"]),
        ]

    return notes


def _answer(of: ScoredRun, predicted: int, confidence: float) -> str:
    return f"{of.run.id}: {of.classes[predicted]}, {percent(confidence, 0)} sure"


def _title(found: pd.DataFrame, direction: CellSelection, of: ConfusionView) -> str:
    n, classes = len(found), of.crossing.classes
    images = f"**{n:,}** image{'' if n == 1 else 's'}"
    if not direction:
        return f"{images} {_all_off_diagonal(of)}"
    if len(direction.parts) > 1:
        return f"{images} in {len(direction.parts)} parts of the matrix, {_of_them(found, of)}"
    part = direction.parts[0]
    row, column = (None if place is None else f"**{formatting.literal(classes[place])}**" for place in (part.row, part.column))
    if row and column:
        before, between, after = of.axes.same if part.row == part.column else of.axes.other
        middle = f"{before}{row}{between}{'' if part.row == part.column else column}{after}"
        return f"{images} of {middle}" if of.other is None and of.true_rows else f"{images}: {middle}"
    kind = of.axes.groups[0 if row else 1]
    return f"{images}{'' if kind.startswith('that ') else ':'} {kind} {row or column}, {_of_them(found, of)}"


def _all_off_diagonal(of: ConfusionView) -> str:
    if of.other is not None:
        return "on which the two runs differ"
    return "with a wrong answer" if of.own else f"with a wrong answer of {formatting.literal(of.scored.run.id)}"


def _of_them(found: pd.DataFrame, of: ConfusionView) -> str:
    """How many of the images are beside the diagonal: wrong answers, or those on which two runs differ."""
    if of.other is None:
        return f"**{int((found['true'] != found['predicted']).sum()):,}** of them wrong"
    return f"on **{of.differing(found):,}** of them the two runs differ"


def _class_scores(scored: ScoredRun, key: str) -> None:
    table = cache.per_class_scores(scored.run, scored.split)
    if len(table) <= _SCORES_UP_TO:
        st.plotly_chart(score_bars(table, scored.colours), config=CONFIG, key=key)
        return
    figures = {name: st.column_config.NumberColumn(format="%.3f") for name in ("precision", "recall", "f1")}
    shown = table.sort_values("f1", kind="stable").assign(**{"class": table["class"].map(formatting.plain)})
    st.dataframe(shown, hide_index=True, width="stretch", column_config=figures, key=key)
