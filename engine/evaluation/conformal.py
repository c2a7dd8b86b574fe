"""Conformal prediction: sets of classes that contain the true class as often as requested."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.evaluation.defaults import CLASSWISE, LAC, METHODS
from engine.evaluation.metrics import LEVEL, proportion, wilson

LOWEST, HIGHEST = 0.5, 0.999


def _scores(probabilities: np.ndarray) -> np.ndarray:
    """(n, classes): nonconformity, 0 for a perfect fit; a set contains the classes up to the threshold.

    The likeliest class always scores 0: an empty set would help nobody. The guarantee holds all the same, since calibration and test
    images are scored alike.
    """
    scores = 1 - probabilities
    scores[np.arange(len(scores)), probabilities.argmax(axis=1)] = 0
    return scores


@dataclass(frozen=True)
class ConformalSets:
    """Conformal sets with `thresholds`, (classes,), from `calibrated_on` validation images, measured on n test images.

    `target`: the requested coverage. `sets`: (n, classes) bool. `true`: (n,) class indices. `expected`: the interval that contains 95% of
    such measurements, calibration and test both being samples (beta-binomial); None where that distribution does not apply: with one
    threshold per class, or where the top class alone is right more often than requested.
    """

    method: str
    target: float
    thresholds: np.ndarray
    calibrated_on: int
    sets: np.ndarray
    true: np.ndarray
    expected: tuple[float, float] | None

    @property
    def covers_true(self) -> np.ndarray:
        """(n,) bool: whether each set contains the true class."""
        return self.sets[np.arange(len(self.true)), self.true]

    @property
    def coverage(self) -> Estimate:
        """The share of sets that contain the true class, with Wilson's 95% interval."""
        return proportion(int(self.covers_true.sum()), len(self.true))

    @property
    def size(self) -> float:
        """The mean number of classes per set."""
        return float(self.sets.sum(axis=1).mean())

    @property
    def unlimited(self) -> int:
        """The number of classes that are in every set, because validation has too few images for the target."""
        return int(np.isinf(self.thresholds).sum())

    def sizes(self) -> pd.DataFrame:
        """One row per size: size, n, share, held (the share of these sets that contain the true class)."""
        size = self.sets.sum(axis=1)
        n, held = np.bincount(size), np.bincount(size, weights=self.covers_true)
        sizes = np.flatnonzero(n)
        return pd.DataFrame({"size": sizes, "n": n[sizes], "share": n[sizes] / len(size), "held": held[sizes] / n[sizes]})

    def by_class(self, classes: Sequence[str]) -> pd.DataFrame:
        """One row per class: class, n, coverage with low and high (Wilson's 95% interval), size (mean). NaN without test images."""
        n = np.bincount(self.true, minlength=len(classes))
        hits = np.bincount(self.true, weights=self.covers_true, minlength=len(classes)).astype(int)
        summed = np.bincount(self.true, weights=self.sets.sum(axis=1), minlength=len(classes))
        low, high = wilson(hits, n)
        with np.errstate(invalid="ignore"):
            return pd.DataFrame(
                {"class": list(classes), "n": n, "coverage": hits / n, "low": low, "high": high, "size": summed / n}
            )

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        limits = {
            name: float(limit) if np.isfinite(limit) else None for name, limit in zip(classes, self.thresholds, strict=True)
        }
        return {
            "method": self.method,
            "wanted": self.target,
            "thresholds": limits,
            "calibrated_on": self.calibrated_on,
            "n": len(self.true),
            "coverage": self.coverage.to_dict(),
            "expected": list(self.expected) if self.expected else None,
            "mean_size": self.size,
            "sizes": self.sizes().to_dict("records"),
            "by_class": self.by_class(classes).to_dict("records"),
        }


def threshold(scores: np.ndarray, coverage: float) -> float:
    """The highest score of a class in the set: a quantile of the true classes' scores on n calibration images, (n,).

    It is the ceil((n + 1) coverage)-th smallest; infinite where n is too small for that. Vovk, Gammerman and Shafer 2005; Lei et al. 2018,
    "Distribution-free predictive inference for regression".
    """
    # Less a little: (n + 1) coverage may come out just above a whole number.
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return float(np.partition(scores, rank - 1)[rank - 1]) if rank <= len(scores) else float("inf")


def conformal_sets(
    calibration: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], coverage: float, method: str = LAC
) -> ConformalSets:
    """Split conformal prediction: (probabilities, true classes) of validation determine the threshold, those of test measure it.

    Raises UserError for an impossible coverage or an unknown method.
    """
    if not LOWEST <= coverage <= HIGHEST:
        raise UserError(f"The coverage must be from {LOWEST:g} to {HIGHEST:g} (got {coverage:g}).", "Choose a share such as 0.9.")
    if method not in METHODS:
        raise UserError(f"There is no method {method!r} for conformal sets.", f"Choose one of: {', '.join(METHODS)}.")
    (probabilities, true), (test_probabilities, test_true) = calibration, test
    scores = _scores(probabilities)[np.arange(len(true)), true]
    classes = probabilities.shape[1]
    if method == CLASSWISE:
        limits = np.array([threshold(scores[true == index], coverage) for index in range(classes)])
    else:
        limits = np.full(classes, threshold(scores, coverage))
    expected = expected_coverage(len(true), len(test_true), coverage) if method == LAC and limits[0] > 0 else None
    return ConformalSets(
        method=method,
        target=coverage,
        thresholds=limits,
        calibrated_on=len(true),
        sets=_scores(test_probabilities) <= limits,
        true=test_true,
        expected=expected,
    )


def expected_coverage(calibration: int, test: int, coverage: float) -> tuple[float, float]:
    """The 95% interval of the coverage measured on `test` images, for exchangeable images and scores without ties.

    Given the calibration, the true coverage follows Beta(k, n + 1 - k) with k = ceil((n + 1) coverage); Angelopoulos and Bates 2023,
    "Conformal prediction: a gentle introduction", section 3.2.
    """
    rank = int(np.ceil((calibration + 1) * coverage - 1e-9))
    if rank > calibration:  # the threshold is infinite: every set has all classes
        return 1.0, 1.0
    from scipy import stats

    hits = stats.betabinom(test, rank, calibration + 1 - rank)
    return float(hits.ppf((1 - LEVEL) / 2) / test), float(hits.ppf((1 + LEVEL) / 2) / test)
