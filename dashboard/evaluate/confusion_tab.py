"""The tab Confusion matrix: the matrix, the most confused pairs, and the images behind what is selected."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.open_image import OPEN
from dashboard.app.page_part import page_part
from dashboard.app.parameters import OLD_BOTH, OLD_PREDICTED, OLD_TRUE
from dashboard.app.widgets import bind_value
from dashboard.charts.bars import score_bars
from dashboard.charts.figure import CONFIG
from dashboard.components.matrix.selection import CellSelection, Part
from dashboard.components.scored_gallery import CELL_PAGE, PAGE_BACK, SORT, PredictionRow, choose_order, scored_gallery, sort_rows
from dashboard.components.scored_run import ScoredRun
from dashboard.evaluate.cells import CELLS, cell_box, read_selection
from dashboard.evaluate.comparison import ConfusionView, choose_sides, load_view, overlap_caption
from dashboard.evaluate.confusions import COLOURS, FOUND, ORDER, UNIT, ZOOM, confusion_panel
from engine.core.number_text import percent
from engine.evaluation.metrics import confused_pairs

_PAIRS = 6
_SCORES_UP_TO = 40  # classes whose scores are drawn; more are a table


def confusion_tab(scored: ScoredRun) -> None:
    _matrix_and_gallery(scored)
    runs = load_view(scored)[0].scores
    for place, one in enumerate(runs):
        own = len(runs) == 1 and one.run.id == scored.run.id
        st.subheader("Per-class metrics" if own else f"Per-class metrics of {formatting.literal(one.run.id)}", anchor=False)
        _class_scores(one, "class-scores" if place == 0 else f"class-scores-{place}")


# The URL parameters that this part changes by itself; a change of any other reruns the whole page.
@page_part(CELLS, CELL_PAGE, PAGE_BACK, SORT, UNIT, ORDER, COLOURS, ZOOM, FOUND, OLD_TRUE, OLD_PREDICTED, OLD_BOTH, OPEN)
def _matrix_and_gallery(scored: ScoredRun) -> None:
    """A part of its own: a click in the matrix reruns only this. Other rows or columns change the page's headline, too."""
    top, aside = st.columns([9, 2], vertical_alignment="bottom")
    with aside:
        view = choose_sides(scored)
    classes = view.crossing.classes
    with top:
        _pair_pills(view)
    overlap_caption(view)
    left, right = st.columns([5, 7], gap="large")
    selection = read_selection(classes)
    with left:
        confusion_panel(view)
    with right:
        box, sort = st.columns([5, 3])
        with box:
            cell_box(selection, view.matrix, classes, view.off_diagonal)
        with sort:
            order = choose_order()
        _gallery(view, selection, order)


def _pair_pills(view: ConfusionView) -> None:
    """Draw the most confused pairs; a click selects both directions."""
    classes = view.crossing.classes
    # Indices in place of names: the address holds indices.
    pairs = confused_pairs(view.matrix, [str(index) for index in range(len(classes))]).head(_PAIRS)
    labels = {}
    for a, b, errors in zip(map(int, pairs["a"]), map(int, pairs["b"]), pairs["errors"], strict=True):
        labels[f"{a}-{b}_{b}-{a}"] = f"{classes[a]} ⇄ {classes[b]}: {errors:,}"
    if not labels:
        return

    selected = read_selection(classes).to_text()
    binding = bind_value("pair", selected if selected in labels else None, list(labels.values()))

    def select_pair(pair: str | None) -> None:
        first = (pair or "").partition("_")[0]
        part = Part(*map(int, first.split("-"))) if first else None
        CELLS.write(CellSelection((part, part.opposite)) if part else CellSelection())

    label = "Most confused pairs" if view.other is None else "Most frequent disagreements"
    st.pills(
        label, list(labels), default=binding.initial, format_func=lambda pair: formatting.literal(labels[pair]), key=binding.key,
        on_change=binding.on_change(select_pair),
    )  # fmt: skip


def _gallery(view: ConfusionView, selection: CellSelection, order: str) -> None:
    """Draw the images of what is selected; the two directions of a pair side by side, smaller."""
    classes = view.crossing.classes
    directions = selection.directions
    for place, (direction, panel) in enumerate(zip(directions, st.columns(len(directions), gap="medium"), strict=True)):
        rows = sort_rows(view.images(direction.mask(len(classes))), order)
        with panel:
            st.markdown(_title(rows, direction, view))
            scored_gallery(
                view.scored, rows, f"cell-{place}", scope=f"{view.key}-{direction.to_text()}-{order}",
                page=CELL_PAGE if place == 0 else PAGE_BACK,  # the second direction turns its own pages
                size="S" if len(directions) > 1 else "M", empty="No image is in this cell.", notes=_notes(view),
            )  # fmt: skip


def _notes(view: ConfusionView) -> Callable[[PredictionRow], Sequence[str]] | None:
    """What each of two runs predicts, as lines under an image; None for one run."""
    if view.other is None:
        return None
    other, other_places = view.other
    # From a row of this run's table to the row of the same image in the other's.
    matches = np.zeros(len(view.scored.predictions), int)
    matches[view.places] = other_places

    def notes(row: PredictionRow) -> Sequence[str]:
        second = other.table.iloc[matches[row.Index]]
        return [
            _describe_prediction(view.scored, row.predicted, row.confidence),
            _describe_prediction(other, second["predicted"], second["confidence"]),
        ]

    return notes


def _describe_prediction(scored: ScoredRun, predicted: int, confidence: float) -> str:
    return f"{scored.run.id}: {scored.classes[predicted]}, {percent(confidence, 0)} sure"


def _title(rows: pd.DataFrame, direction: CellSelection, view: ConfusionView) -> str:
    n, classes = len(rows), view.crossing.classes
    images = f"**{n:,}** image{'' if n == 1 else 's'}"
    if not direction:
        return f"{images} {_describe_errors(view)}"
    if len(direction.parts) > 1:
        return f"{images} in {len(direction.parts)} parts of the matrix, {_count_errors(rows, view)}"
    part = direction.parts[0]
    row, column = (None if index is None else f"**{formatting.literal(classes[index])}**" for index in (part.row, part.column))
    if row and column:
        before, between, after = view.axes.same if part.row == part.column else view.axes.other
        cell = f"{before}{row}{between}{'' if part.row == part.column else column}{after}"
        return f"{images} of {cell}" if view.other is None and view.true_rows else f"{images}: {cell}"
    return f"{images} {view.axes.groups[0 if row else 1]} {row or column}, {_count_errors(rows, view)}"


def _describe_errors(view: ConfusionView) -> str:
    if view.other is not None:
        return "on which the two runs disagree"
    return "misclassified" if view.is_page_run else f"misclassified by {formatting.literal(view.scored.run.id)}"


def _count_errors(rows: pd.DataFrame, view: ConfusionView) -> str:
    if view.other is None:
        return f"**{(rows['true'] != rows['predicted']).sum():,}** of them wrong"
    return f"the two runs disagree on **{view.count_disagreements(rows):,}** of them"


def _class_scores(scored: ScoredRun, key: str) -> None:
    table = cache.per_class_scores(scored.run, scored.split)
    if len(table) <= _SCORES_UP_TO:
        st.plotly_chart(score_bars(table, scored.colours), config=CONFIG, key=key)
        return
    figures = {name: st.column_config.NumberColumn(format="%.3f") for name in ("precision", "recall", "f1")}
    shown = table.sort_values("f1", kind="stable").assign(**{"class": table["class"].map(formatting.plain)})
    st.dataframe(shown, hide_index=True, width="stretch", column_config=figures, key=key)
