"""Metrics are pure functions over one prediction table: a frame in, a number or a frame out."""

from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from engine.core.estimate import Estimate, EstimateDocument

BOOTSTRAPS = 2000
LEVEL = 0.95
SMALL = 100  # images; with fewer, intervals are too wide to choose a run by


def confusion(predictions: pd.DataFrame, classes: int) -> np.ndarray:
    """(classes, classes) counts: rows true, columns predicted."""
    # One number per cell, so that a single bincount fills the matrix.
    flat = predictions["true"].to_numpy() * classes + predictions["predicted"].to_numpy()
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def wilson(right: ArrayLike, n: ArrayLike, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper limits of Wilson's interval for the shares right / n (Wilson 1927); NaN where n is 0."""
    right, n, z = np.asarray(right, float), np.asarray(n, float), NormalDist().inv_cdf((1 + level) / 2)
    # n = 0 is common, as for a class without images: NaN says so, a warning would not help.
    with np.errstate(invalid="ignore", divide="ignore"):
        p = right / n
        centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def proportion(right: int, n: int) -> Estimate:
    """The share right / n with Wilson's interval."""
    low, high = wilson(right, n)
    return Estimate(right / n if n else float("nan"), float(low), float(high))


def accuracy(matrix: np.ndarray) -> Estimate:
    """The share of images whose predicted class is the true one, with Wilson's interval."""
    return proportion(int(np.trace(matrix)), int(matrix.sum()))


def macro_f1(matrix: np.ndarray, seed: int = 0) -> Estimate:
    """The mean F1 over the classes that have images, with a percentile bootstrap interval over images.

    A class without images is left out. Its F1 would be 0 as soon as one image of another class is predicted as it: that error already
    counts in the other class. Each resample is scored by the same rule.

    Resampling n images with replacement is a multinomial draw over the matrix's cells, so only counts are drawn. Without a single error
    every resample would be perfect too, and the interval empty: then the limits are those of the accuracy.
    """
    n = int(matrix.sum())
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    if n == np.trace(matrix):
        return accuracy(matrix)
    draws = np.random.default_rng(seed).multinomial(n, matrix.ravel() / n, size=BOOTSTRAPS).reshape(-1, *matrix.shape)
    low, high = np.quantile(_macro_f1(draws), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(_macro_f1(matrix[None])[0]), float(low), float(high))


def macro_f1_classes(matrix: np.ndarray) -> dict[str, int]:
    """How many classes the macro F1 is the mean of: `scored`, those with images, among `all`."""
    return {"scored": int((matrix.sum(axis=1) > 0).sum()), "all": len(matrix)}


def bootstrap_mean(values: np.ndarray, seed: int = 0) -> Estimate:
    """The mean of (n,) values with a percentile bootstrap interval; for a paired comparison, pass the differences."""
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"))
    picks = np.random.default_rng(seed).integers(0, len(values), size=(BOOTSTRAPS, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values.mean()), float(low), float(high))


def per_class(matrix: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row per class: class, precision, recall, f1, support (images of the class), predicted (images that were predicted as it).

    A rate without a denominator is NaN: a class that was never predicted has no precision, one without images has no recall and no F1.
    """
    right = np.diag(matrix).astype(float)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {"precision": right / predicted, "recall": right / support}
        values["f1"] = np.where(support > 0, 2 * right / (support + predicted), np.nan)
    return pd.DataFrame({"class": list(classes), **values, "support": support, "predicted": predicted})


def per_class_intervals(matrix: np.ndarray, classes: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """`per_class` with 95% intervals: precision_low, precision_high and so on.

    Wilson's for precision and recall, which are shares. For F1 a percentile bootstrap over images: each resample is a multinomial draw of
    the class's hits, its errors and all other images. A class without a single error gets the limits of its recall.
    """
    table, rng, n = per_class(matrix, classes), np.random.default_rng(seed), int(matrix.sum())
    right = np.diag(matrix)
    wrong = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * right
    table["precision_low"], table["precision_high"] = wilson(right, table["predicted"])
    table["recall_low"], table["recall_high"] = wilson(right, table["support"])
    table["f1_low"], table["f1_high"] = table["recall_low"], table["recall_high"]
    for index in np.flatnonzero((wrong > 0) & (table["support"] > 0)):
        draws = rng.multinomial(n, np.array([right[index], wrong[index], n - right[index] - wrong[index]]) / n, size=BOOTSTRAPS)
        total = 2 * draws[:, 0] + draws[:, 1]
        # A resample without any hit or error of the class has no F1.
        f1 = 2 * draws[:, 0][total > 0] / total[total > 0]
        table.loc[index, ["f1_low", "f1_high"]] = np.quantile(f1, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return table


def confused_pairs(matrix: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row per pair of classes that was confused, the most errors first: a, b, a_as_b, b_as_a, errors, support."""
    first, second = np.nonzero(np.triu(matrix + matrix.T, 1))
    names, support = np.array(classes, object), matrix.sum(axis=1)
    frame = pd.DataFrame(
        {
            "a": names[first], "b": names[second], "a_as_b": matrix[first, second], "b_as_a": matrix[second, first],
            "errors": matrix[first, second] + matrix[second, first], "support": support[first] + support[second],
        }
    )  # fmt: skip
    return frame.sort_values("errors", ascending=False, kind="stable", ignore_index=True)


class Scores(TypedDict):
    """The scores of a prediction table as a JSON document. `small`: fewer than SMALL images. `per_class`: rows of `per_class`."""

    n: int
    accuracy: EstimateDocument
    macro_f1: EstimateDocument
    macro_f1_classes: dict[str, int]
    loss: float | None
    small: bool
    classes: list[str]
    confusion: list[list[int]]
    per_class: list[dict[Hashable, Any]]


def score_predictions(predictions: pd.DataFrame, classes: Sequence[str]) -> Scores:
    matrix = confusion(predictions, len(classes))
    table = per_class(matrix, classes)
    return {
        "n": int(matrix.sum()),
        "accuracy": accuracy(matrix).to_dict(),
        "macro_f1": macro_f1(matrix).to_dict(),
        "macro_f1_classes": macro_f1_classes(matrix),
        "loss": float(predictions["loss"].mean()) if len(predictions) else None,
        "small": bool(matrix.sum() < SMALL),
        "classes": list(classes),
        "confusion": matrix.tolist(),
        # JSON has no NaN.
        "per_class": table.astype(object).mask(table.isna(), None).to_dict("records"),
    }


def _macro_f1(matrices: np.ndarray) -> np.ndarray:
    """(k, classes, classes) -> (k,): mean of 2 right / (support + predicted) over the classes with support."""
    right, support = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(axis=2)
    scores = np.divide(2 * right, matrices.sum(axis=1) + support, out=np.full(right.shape, np.nan), where=support > 0)
    return np.nanmean(scores, axis=1)
