"""Calibration: whether a confidence of 90% is right nine times in ten."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from engine.data.predictions import EPSILON, Predictions
from engine.evaluation.metrics import wilson

BINS = 15
_DRAWS = 400
_BUDGET = 20_000_000  # simulated predictions


@dataclass(frozen=True)
class Calibration:
    """How probabilities and outcomes agree on n images.

    `ece` and `ece_mass`: expected calibration error over bins of equal width and of equal numbers, 0..1. `chance`: the ECE below which
    95% of perfectly calibrated models with these confidences would stay on n images, since even theirs is never 0.
    `brier`: the sum over the classes of squared errors, 0..2. `loss`: cross-entropy in nats.
    """

    n: int
    accuracy: float
    confidence: float
    ece: float
    ece_mass: float
    chance: float
    brier: float
    loss: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the ECE is larger than chance explains."""
        return self.ece > self.chance

    def to_dict(self) -> dict[str, float]:
        return asdict(self) | {"beyond_chance": self.beyond_chance}


def calibration(probabilities: np.ndarray, true: np.ndarray, bins: int = BINS) -> Calibration:
    """The calibration of (n, classes) probabilities against (n,) true classes.

    Guo et al. 2017, "On calibration of modern neural networks"; Brier 1950; the simulation behind `chance` is the consistency
    resampling of Broecker and Smith 2007, "Increasing the reliability of reliability diagrams".
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    table = reliability(confidence, right, bins)
    return Calibration(
        n=len(true),
        accuracy=float(right.mean()),
        confidence=float(confidence.mean()),
        ece=expected_error(table),
        ece_mass=expected_error(reliability(confidence, right, bins, equal_mass=True)),
        chance=_chance(confidence, bins),
        brier=brier(probabilities, true),
        loss=float(-np.log(np.maximum(probabilities[np.arange(len(true)), true], EPSILON)).mean()),
    )


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS, equal_mass: bool = False) -> pd.DataFrame:
    """The reliability diagram: one row per bin that has images, by rising confidence.

    Columns low, high (the bin has low < confidence <= high), n, right, confidence (its mean), accuracy with accuracy_low and
    accuracy_high (Wilson's 95% interval). With `equal_mass` the limits are quantiles, and equal confidences stay together.
    """
    edges = _edges(confidence, bins, equal_mass)
    places = np.searchsorted(edges[1:-1], confidence)
    count = len(edges) - 1
    n, hits = np.bincount(places, minlength=count), np.bincount(places, weights=right, minlength=count)
    filled = n > 0
    n, hits = n[filled], hits[filled].astype(int)
    low, high = wilson(hits, n)
    means = np.bincount(places, weights=confidence, minlength=count)[filled] / n
    limits = {"low": edges[:-1][filled], "high": edges[1:][filled]}
    rates = {"confidence": means, "accuracy": hits / n, "accuracy_low": low, "accuracy_high": high}
    return pd.DataFrame({**limits, "n": n, "right": hits, **rates})


def expected_error(bins: pd.DataFrame) -> float:
    """The expected calibration error of `reliability`'s bins: the gap between confidence and accuracy, weighted by images."""
    return float((bins["n"] * (bins["confidence"] - bins["accuracy"]).abs()).sum() / max(bins["n"].sum(), 1))


def brier(probabilities: np.ndarray, true: np.ndarray) -> float:
    """Mean over images of the squared distance between the probabilities and the one-hot true class, summed over the classes: 0 to 2."""
    # The square expanded: no one-hot matrix is needed.
    squares = (probabilities**2).sum(axis=1) - 2 * probabilities[np.arange(len(true)), true] + 1
    return float(squares.mean())


def remove_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(n, classes) probabilities as they were before division of the logits by the temperature (Guo et al. 2017).

    The logarithm of a softmax is the logits less a constant, so the probabilities alone are enough.
    """
    # The floor keeps the logarithm finite where a probability was rounded to 0.
    logits = temperature * np.log(np.maximum(probabilities, EPSILON**2))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def before_and_after(predictions: Predictions, temperature: float) -> dict[str, Calibration]:
    """`calibration` of predictions without the temperature that was fitted on validation (`before`), and with it (`after`)."""
    after, true = predictions.probabilities.astype(np.float64), predictions.true
    return {"before": calibration(remove_temperature(after, temperature), true), "after": calibration(after, true)}


def confident_errors(predictions: Predictions, levels: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95, 0.99)) -> pd.DataFrame:
    """How often a prediction is wrong although the model is confident: one row per level.

    Columns level, n (predictions with at least this confidence), wrong, rate with low and high (Wilson's 95% interval).
    """
    confidence, wrong = predictions.confidence, ~predictions.right
    n = np.array([int((confidence >= level).sum()) for level in levels])
    errors = np.array([int((wrong & (confidence >= level)).sum()) for level in levels])
    low, high = wilson(errors, n)
    with np.errstate(invalid="ignore"):
        return pd.DataFrame({"level": levels, "n": n, "wrong": errors, "rate": errors / n, "low": low, "high": high})


def _edges(confidence: np.ndarray, bins: int, equal_mass: bool) -> np.ndarray:
    """The limits of the bins, from 0 to 1; fewer of equal mass where many confidences are equal."""
    if not equal_mass:
        return np.linspace(0.0, 1.0, bins + 1)
    # A limit at 0 or at the highest confidence would make an empty bin.
    inner = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.concatenate([[0.0], inner[(inner > 0) & (inner < confidence.max())], [1.0]])


def _chance(confidence: np.ndarray, bins: int, seed: int = 0) -> float:
    """The 95% quantile of the ECE where each prediction is right with exactly its confidence."""
    places = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], confidence)
    expected, rng = np.bincount(places, weights=confidence, minlength=bins), np.random.default_rng(seed)
    # However many images there are, enough draws for a 95% quantile.
    draws = max(50, min(_DRAWS, _BUDGET // len(confidence)))
    hits = [np.bincount(places, weights=rng.random(len(confidence)) < confidence, minlength=bins) for _ in range(draws)]
    return float(np.quantile(np.abs(np.array(hits) - expected).sum(axis=1) / len(confidence), 0.95))
