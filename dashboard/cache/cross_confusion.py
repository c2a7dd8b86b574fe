"""Confusion matrices of a run against the truth or another run, computed once for all sessions."""

import numpy as np

from dashboard.cache.cached import cached
from dashboard.cache.runs import predictions
from dashboard.charts.matrix_view import MatrixView, Unit, build_view
from engine.evaluation import class_ordering
from engine.evaluation.cross_confusion import Axis, CrossConfusion, cross_tabulate
from engine.runs.run import Run


@cached(files=("predictions-{split}.parquet",), shared=True)
def confusion_between(
    rows: Run, columns: Run, split: str, true_rows: bool, true_columns: bool
) -> tuple[CrossConfusion, np.ndarray]:
    """`engine.evaluation.cross_confusion` of two runs' predictions (or the truth in their tables), and its matrix. Raises UserError."""
    first = predictions(rows, split)
    second = first if rows.path == columns.path else predictions(columns, split)
    result = cross_tabulate(Axis(first, true_rows), Axis(second, true_columns))
    return result, result.matrix


@cached()
def similarity_order(matrix: np.ndarray) -> np.ndarray:
    """`engine.evaluation.class_ordering.similarity_order`."""
    return class_ordering.similarity_order(matrix)


@cached(shared=True)
def matrix_view(matrix: np.ndarray, classes: tuple[str, ...], shown: tuple[int, ...], unit: Unit, log: bool) -> MatrixView:
    """`dashboard.charts.matrix_view.build_view`, shared by all sessions: do not modify it."""
    return build_view(matrix, classes, np.array(shown, int), unit, log)
