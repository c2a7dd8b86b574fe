"""ROC and precision-recall curves of one class against the others, with bootstrap intervals of their areas."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from engine.evaluation.metrics import LEVEL, Estimate

_DRAWS, _FEWEST = 400, 60
_BUDGET = 8_000_000  # weights a class
_CHUNK = 1_000_000  # weights in memory
_POINTS = 300  # of a curve that is drawn


def roc_curve(scores: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """A row each threshold, the highest first: threshold, recall (true positive rate), false_positive_rate, precision.

    scores: (n,) probabilities of the class; positive: (n,) bool. It begins at (0, 0) with precision 1.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    hits, asked = np.cumsum(positive[order])[last], np.flatnonzero(last) + 1
    p, n = max(int(positive.sum()), 1), max(int((~positive).sum()), 1)
    rows = {"threshold": ordered[last], "recall": hits / p, "false_positive_rate": (asked - hits) / n, "precision": hits / asked}
    first = pd.DataFrame({"threshold": [np.inf], "recall": [0.0], "false_positive_rate": [0.0], "precision": [1.0]})
    return pd.concat([first, pd.DataFrame(rows)], ignore_index=True)


def thin_curve(points: pd.DataFrame, most: int = _POINTS) -> pd.DataFrame:
    """At most so many points of a curve, evenly along both of its axes, the ends among them."""
    if len(points) <= most:
        return points
    along = (points["recall"] + points["false_positive_rate"]).to_numpy()
    chosen = np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], most)))
    return points.iloc[np.union1d([0, len(points) - 1], np.minimum(chosen, len(points) - 1))]


def areas(scores: np.ndarray, positive: np.ndarray, seed: int = 0) -> tuple[Estimate, Estimate]:
    """The area under the ROC curve and the average precision, each with a percentile bootstrap interval over images.

    Equal scores count half in the ROC's area (Hanley and McNeil 1982), and are one step of the precision-recall curve. Resamples keep the
    numbers of the class and of the others. NaN where either is missing.
    """
    p, n = int(positive.sum()), int((~positive).sum())
    if not p or not n:
        nothing = Estimate(*[float("nan")] * 3)
        return nothing, nothing
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.append(True, scores[order][1:] != scores[order][:-1]))
    of = positive[order]
    value = _areas(of[None].astype(float), (~of)[None].astype(float), starts)
    rng, draws = np.random.default_rng(seed), max(_FEWEST, min(_DRAWS, _BUDGET // len(scores)))
    chunk, result = max(1, _CHUNK // len(scores)), []
    for start in range(0, draws, chunk):
        count = min(chunk, draws - start)
        weights = np.zeros((2, count, len(scores)))
        weights[0][:, of], weights[1][:, ~of] = _resampled(rng, count, p), _resampled(rng, count, n)
        result.append(_areas(*weights, starts))
    limits = np.quantile(np.concatenate(result), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return tuple(Estimate(float(value[0, i]), float(limits[0, i]), float(limits[1, i])) for i in range(2))


def areas_by_class(probabilities: np.ndarray, true: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Columns class, n, auc, auc_low, auc_high, ap, ap_low, ap_high, base (the class's share: the AP of chance)."""
    rows = []
    for index, name in enumerate(classes):
        positive = true == index
        auc, ap = areas(probabilities[:, index], positive)
        rows.append([name, int(positive.sum()), auc.value, auc.low, auc.high, ap.value, ap.low, ap.high, float(positive.mean())])
    return pd.DataFrame(rows, columns=["class", "n", "auc", "auc_low", "auc_high", "ap", "ap_low", "ap_high", "base"])


def _resampled(rng: np.random.Generator, draws: int, n: int) -> np.ndarray:
    """(draws, n): how often each of n images is in each resample."""
    picks = rng.integers(0, n, (draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n)


def _areas(hits: np.ndarray, others: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(draws, n) weights of the class and of the others in falling order of score -> (draws, 2): ROC's area, average precision."""
    hits, others = np.add.reduceat(hits, starts, axis=1), np.add.reduceat(others, starts, axis=1)
    summed, wrong = np.cumsum(hits, axis=1), np.cumsum(others, axis=1)
    p, n = summed[:, -1], wrong[:, -1]
    auc = (others * (summed - hits / 2)).sum(axis=1) / (p * n)
    precision = np.divide(summed, summed + wrong, out=np.zeros_like(summed), where=summed + wrong > 0)
    return np.stack([auc, (hits * precision).sum(axis=1) / p], axis=1)
