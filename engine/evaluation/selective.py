"""Selective prediction: how accurate a model is on the images it answers when it leaves the least certain ones to a person."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.core.estimate import Estimate
from engine.evaluation.metrics import proportion


@dataclass(frozen=True)
class SelectiveScore:
    """The effect of a confidence threshold on n images: how many are `answered`, and how many of these are `errors`."""

    threshold: float
    n: int
    answered: int
    errors: int

    @property
    def coverage(self) -> float:
        return self.answered / self.n if self.n else float("nan")

    @property
    def accuracy(self) -> Estimate:
        """The accuracy on the answered images, with Wilson's 95% interval."""
        return proportion(self.answered - self.errors, self.answered)

    def to_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "n": self.n,
            "kept": self.answered,
            "errors": self.errors,
            "coverage": self.coverage,
            "accuracy": self.accuracy.to_dict(),
        }


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """One row per distinct confidence as the threshold, the highest first.

    Columns threshold (images with at least this confidence are answered), kept (how many these are), coverage (their share), errors,
    accuracy. El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, errors = confidence[order], np.cumsum(~right[order])
    last = np.append(ordered[1:] != ordered[:-1], True)  # images with equal confidences are answered together or not at all
    answered = np.flatnonzero(last) + 1
    table = {"threshold": ordered[last], "kept": answered, "coverage": answered / len(right), "errors": errors[last]}
    return pd.DataFrame(table).assign(accuracy=1 - errors[last] / answered)


def aurc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under the risk-coverage curve: the mean error rate over all coverages 1/n, 2/n, ..., 1; lower is better.

    Geifman, Uziel and El-Yaniv 2019, "Bias-reduced uncertainty estimation for deep neural classifiers". Among images
    with equal confidence the errors count as evenly spread.
    """
    curve = risk_coverage(confidence, right)
    answered = np.arange(1, len(right) + 1)
    errors = np.interp(answered, [0, *curve["kept"]], [0, *curve["errors"]])
    return float((errors / answered).mean())


def best_aurc(error_rate: float, n: int) -> float:
    """The `aurc` of a model with this error rate whose errors all have the lowest confidence."""
    errors, answered = round(error_rate * n), np.arange(1, n + 1)
    return float((np.maximum(0, answered - (n - errors)) / answered).mean())


def threshold_for(confidence: np.ndarray, right: np.ndarray, target: float) -> float | None:
    """The lowest threshold, so the one that answers the most images, with an accuracy of at least `target`; None where there is none."""
    curve = risk_coverage(confidence, right)
    # The last one, since accuracy need not fall steadily: it may reach the target again further down.
    reached = curve[curve["accuracy"] >= target]
    return float(reached["threshold"].iloc[-1]) if len(reached) else None


def score_at_threshold(confidence: np.ndarray, right: np.ndarray, threshold: float) -> SelectiveScore:
    """What the threshold does to these images."""
    answered = confidence >= threshold
    return SelectiveScore(threshold=threshold, n=len(right), answered=int(answered.sum()), errors=int((answered & ~right).sum()))
