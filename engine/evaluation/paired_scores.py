"""Scores of two runs on the same resampled images, as matrix products over the counts of the distinct outcomes."""

from typing import TYPE_CHECKING

import numpy as np

from engine.evaluation.metrics import LEVEL

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class PairedScores:
    """Computes the scores of both runs from the counts of the cells, for many resamples at once."""

    def __init__(self, cells: np.ndarray, classes: int) -> None:
        true, a, b = cells.T
        # Sparse: a row has a single 1, and there may be thousands of classes.
        self.true = _indicator(true, np.ones(len(true), bool), classes)
        self.predicted = [_indicator(predicted, np.ones(len(true), bool), classes) for predicted in (a, b)]
        self.right = [_indicator(true, predicted == true, classes) for predicted in (a, b)]

    def compute(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """counts: (k, cells). The differences (B less A), and with _a and _b either run: accuracy, macro_f1 (k,), recall, f1 (k, classes).

        NaN where undefined.
        """
        support = counts @ self.true
        runs = []
        for right, predicted in zip(self.right, self.predicted, strict=True):
            hits, total = counts @ right, support + counts @ predicted
            # As in `engine.evaluation.metrics`: a class without images has no F1 and is not in the macro mean.
            f1, recall = np.where(support > 0, _rate(2 * hits, total), np.nan), _rate(hits, support)
            scores = {"accuracy": hits.sum(axis=1) / counts.sum(axis=1), "macro_f1": np.nanmean(f1, axis=1)}
            runs.append(scores | {"recall": recall, "f1": f1})
        a, b = runs
        return {name: b[name] - a[name] for name in a} | {f"{n}_a": v for n, v in a.items()} | {f"{n}_b": v for n, v in b.items()}


def _indicator(labels: np.ndarray, included: np.ndarray, classes: int) -> "csr_matrix":
    """(cells, classes): 1 where an included cell has this label."""
    from scipy import sparse

    rows = np.flatnonzero(included)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, labels[rows])), shape=(len(labels), classes))


def _rate(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def percentile_limits(values: np.ndarray) -> np.ndarray:
    """Percentiles over the resamples in which a score is defined; NaN where it never is."""
    flat = values.reshape(len(values), -1)
    limits = np.full((2, flat.shape[1]), np.nan)
    defined = ~np.isnan(flat).all(axis=0)
    limits[:, defined] = np.nanquantile(flat[:, defined], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return limits.reshape(2, *values.shape[1:])
