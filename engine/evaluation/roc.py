"""ROC and precision-recall curves of one class against the others, with bootstrap intervals of their areas."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from engine.core.estimate import Estimate
from engine.evaluation.metrics import LEVEL

_DRAWS, _FEWEST = 400, 60  # resamples: as many as the budget allows, between these
_BUDGET = 8_000_000  # resamples x images per class
_CHUNK = 1_000_000  # the same, in memory at a time
_POINTS = 300  # of a curve in a chart


def roc_curve(scores: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """One row per threshold, the highest first: threshold, recall (true positive rate), false_positive_rate, precision.

    scores: (n,) probabilities of the class; positive: (n,) bool. The curve begins at (0, 0) with precision 1.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    hits, selected = np.cumsum(positive[order])[last], np.flatnonzero(last) + 1
    p, n = max(int(positive.sum()), 1), max(int((~positive).sum()), 1)
    rows = {
        "threshold": ordered[last],
        "recall": hits / p,
        "false_positive_rate": (selected - hits) / n,
        "precision": hits / selected,
    }
    first = pd.DataFrame({"threshold": [np.inf], "recall": [0.0], "false_positive_rate": [0.0], "precision": [1.0]})
    return pd.concat([first, pd.DataFrame(rows)], ignore_index=True)


def thin_curve(points: pd.DataFrame, most: int = _POINTS) -> pd.DataFrame:
    """About `most` points of a curve, spread evenly along both of its axes, with both ends."""
    if len(points) <= most:
        return points
    along = (points["recall"] + points["false_positive_rate"]).to_numpy()
    chosen = np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], most)))
    return points.iloc[np.union1d([0, len(points) - 1], np.minimum(chosen, len(points) - 1))]


def areas(scores: np.ndarray, positive: np.ndarray, seed: int = 0) -> tuple[Estimate, Estimate]:
    """The area under the ROC curve and the average precision, each with a percentile bootstrap interval over images.

    Pairs with equal scores count half in the area under the ROC curve (Hanley and McNeil 1982), and are one step of the precision-recall
    curve. Each resample has as many images of the class, and of the others, as the original. NaN where either are missing.
    """
    p, n = int(positive.sum()), int((~positive).sum())
    if not p or not n:
        undefined = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))
        return undefined, undefined
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.append(True, scores[order][1:] != scores[order][:-1]))
    hits = positive[order]
    value = _areas(hits[None].astype(float), (~hits)[None].astype(float), starts)
    rng, draws = np.random.default_rng(seed), max(_FEWEST, min(_DRAWS, _BUDGET // len(scores)))
    chunk, resampled = max(1, _CHUNK // len(scores)), []
    for start in range(0, draws, chunk):
        count = min(chunk, draws - start)
        weights, other_weights = np.zeros((count, len(scores))), np.zeros((count, len(scores)))
        weights[:, hits] = _resample(rng, count, p)
        other_weights[:, ~hits] = _resample(rng, count, n)
        resampled.append(_areas(weights, other_weights, starts))
    low, high = np.quantile(np.concatenate(resampled), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    auc, ap = (Estimate(value=float(value[0, i]), low=float(low[i]), high=float(high[i])) for i in range(2))
    return auc, ap


def areas_by_class(probabilities: np.ndarray, true: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row per class: class, n, auc, auc_low, auc_high, ap, ap_low, ap_high, base (the class's share, which is the AP of guessing)."""
    rows = []
    for index, name in enumerate(classes):
        positive = true == index
        auc, ap = areas(probabilities[:, index], positive)
        rows.append([name, int(positive.sum()), auc.value, auc.low, auc.high, ap.value, ap.low, ap.high, float(positive.mean())])
    return pd.DataFrame(rows, columns=["class", "n", "auc", "auc_low", "auc_high", "ap", "ap_low", "ap_high", "base"])


def _resample(rng: np.random.Generator, draws: int, n: int) -> np.ndarray:
    """(draws, n): how often each of n images occurs in each resample."""
    picks = rng.integers(0, n, (draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n)


def _areas(hits: np.ndarray, others: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Weights of the class and of the others, (draws, n) by descending score -> (draws, 2): area under the ROC curve, average precision.

    starts: where each group of equal scores begins.
    """
    hits, others = np.add.reduceat(hits, starts, axis=1), np.add.reduceat(others, starts, axis=1)
    true_positives, false_positives = np.cumsum(hits, axis=1), np.cumsum(others, axis=1)
    p, n = true_positives[:, -1], false_positives[:, -1]
    selected = true_positives + false_positives
    auc = (others * (true_positives - hits / 2)).sum(axis=1) / (p * n)
    precision = np.divide(true_positives, selected, out=np.zeros_like(selected), where=selected > 0)
    return np.stack([auc, (hits * precision).sum(axis=1) / p], axis=1)
