"""Matrices of a run against the truth or another run, made once for all sessions."""

import numpy as np
import streamlit as st

from dashboard.cache.runs import predictions, predictions_mtime
from dashboard.charts.matrix_view import Unit, build_view
from engine.evaluation import class_ordering
from engine.evaluation.cross_confusion import Axis, CrossConfusion, cross_tabulate
from engine.runs.run import Run

_NAMES = {Run: lambda run: str(run.path)}


def confusion_between(
    rows: Run, columns: Run, split: str, true_rows: bool, true_columns: bool
) -> tuple[CrossConfusion, np.ndarray]:
    """`engine.evaluation.cross_confusion` of two runs' answers (or the truth in their tables), and its matrix. Raises UserError."""
    return _crossed(
        rows, columns, split, true_rows, true_columns, predictions_mtime(rows, split), predictions_mtime(columns, split)
    )


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=_NAMES)
def _crossed(
    rows: Run, columns: Run, split: str, true_rows: bool, true_columns: bool, changed: int, others_changed: int
) -> tuple[CrossConfusion, np.ndarray]:
    first = predictions(rows, split)
    second = first if rows.path == columns.path else predictions(columns, split)
    result = cross_tabulate(Axis(first, rows.classes, true_rows), Axis(second, columns.classes, true_columns))
    return result, result.matrix


@st.cache_data(max_entries=16, show_spinner=False)
def similarity_order(matrix: np.ndarray) -> np.ndarray:
    """`ordering.by_similarity`."""
    return class_ordering.similarity_order(matrix)


@st.cache_resource(max_entries=16, show_spinner=False)
def matrix_view(matrix: np.ndarray, classes: tuple[str, ...], shown: tuple[int, ...], unit: Unit, log: bool) -> dict:
    """`dashboard.charts.matrix_view`."""
    return build_view(matrix, classes, np.array(shown, int), unit, log)
