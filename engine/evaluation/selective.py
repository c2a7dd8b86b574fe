"""Risk and coverage: how right a model is on the images that it answers, when it leaves the least certain to a person."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.evaluation.metrics import Estimate, proportion


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
        """On the answered ones, with Wilson's 95% interval."""
        return proportion(self.answered - self.errors, self.answered)

    def to_dict(self) -> dict:
        return {
            "threshold": self.threshold,
            "n": self.n,
            "kept": self.answered,
            "errors": self.errors,
            "coverage": self.coverage,
            "accuracy": self.accuracy.to_dict(),
        }


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """A row each threshold that tells images apart, the most certain first.

    Columns threshold (answers with at least this confidence are kept), kept, coverage (its share), errors, accuracy. El-Yaniv and Wiener
    2010, "On the foundations of noise-free selective classification".
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, errors = confidence[order], np.cumsum(~right[order])
    last = np.append(ordered[1:] != ordered[:-1], True)  # equal confidences are kept or left together
    kept = np.flatnonzero(last) + 1
    table = {"threshold": ordered[last], "kept": kept, "coverage": kept / len(right), "errors": errors[last]}
    return pd.DataFrame(table).assign(accuracy=1 - errors[last] / kept)


def aurc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under the risk-coverage curve: the mean error rate over all coverages 1/n, 2/n, ..., 1; lower is better.

    Geifman, Uziel and El-Yaniv 2019, "Bias-reduced uncertainty estimation for deep neural classifiers". Among equal confidences
    the errors come evenly.
    """
    curve = risk_coverage(confidence, right)
    kept = np.arange(1, len(right) + 1)
    errors = np.interp(kept, [0, *curve["kept"]], [0, *curve["errors"]])
    return float((errors / kept).mean())


def best_aurc(error_rate: float, n: int) -> float:
    """The `aurc` of a model with this error rate that leaves all its errors to the end."""
    errors, kept = round(error_rate * n), np.arange(1, n + 1)
    return float((np.maximum(0, kept - (n - errors)) / kept).mean())


def threshold_for(confidence: np.ndarray, right: np.ndarray, target: float) -> float | None:
    """The threshold that keeps the most images at an accuracy of at least `target`; None where none does."""
    curve = risk_coverage(confidence, right)
    enough = curve[curve["accuracy"] >= target]
    return float(enough["threshold"].iloc[-1]) if len(enough) else None


def score_at_threshold(confidence: np.ndarray, right: np.ndarray, threshold: float) -> SelectiveScore:
    """What a threshold does here."""
    answered = confidence >= threshold
    return SelectiveScore(threshold, len(right), int(answered.sum()), int((answered & ~right).sum()))
