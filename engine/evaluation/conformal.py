"""Conformal prediction: sets of classes that hold the truth as often as was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.evaluation.metrics import LEVEL, Estimate, proportion, wilson

LOWEST, HIGHEST = 0.5, 0.999
LAC, CLASSWISE = "lac", "classwise"
# LAC: Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers with bounded error levels": the smallest sets.
# Classwise: the same with a threshold of each class's own (Vovk 2012, "Conditional validity of inductive conformal predictors"),
# so that hard classes are covered as often as easy ones.
METHODS = {LAC: "smallest sets", CLASSWISE: "every class as often"}


def _scores(probabilities: np.ndarray) -> np.ndarray:
    """(n, classes): how little each class fits; a set holds those up to the threshold.

    The likeliest class fits perfectly: an empty set would help nobody, and what is true of the calibration stays true.
    """
    scores = 1 - probabilities
    scores[np.arange(len(scores)), probabilities.argmax(axis=1)] = 0
    return scores


@dataclass(frozen=True)
class ConformalSets:
    """Sets with thresholds, (classes,), from `calibrated_on` validation images, measured on n test images.

    `sets`: (n, classes) bool. `held`: whether each set has the true class. `expected`: the interval in which 95% of such
    measurements lie, calibration and test both being samples (beta-binomial); None where the law does not hold: thresholds by class, or
    single answers that are right more often than was asked for.
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
        return self.sets[np.arange(len(self.true)), self.true]

    @property
    def coverage(self) -> Estimate:
        """The share of sets that hold the truth, with Wilson's 95% interval."""
        return proportion(int(self.covers_true.sum()), len(self.true))

    @property
    def size(self) -> float:
        """Classes in a set, on average."""
        return float(self.sets.sum(axis=1).mean())

    @property
    def unlimited(self) -> int:
        """How many classes are in every set, because validation has too few images for the coverage."""
        return int(np.isinf(self.thresholds).sum())

    def sizes(self) -> pd.DataFrame:
        """Columns size, n, share, held (of those sets, the share with the truth)."""
        size = self.sets.sum(axis=1)
        result = (
            pd.DataFrame({"size": size, "held": self.covers_true})
            .groupby("size")["held"]
            .agg(["size", "mean"])
            .reset_index(names="of")
        )
        return pd.DataFrame(
            {"size": result["of"], "n": result["size"], "share": result["size"] / len(size), "held": result["mean"]}
        )

    def by_class(self, classes: Sequence[str]) -> pd.DataFrame:
        """Columns class, n, coverage with low and high (Wilson), size (mean). A class without test images has no rates."""
        n = np.bincount(self.true, minlength=len(classes))
        hits = np.bincount(self.true, weights=self.covers_true, minlength=len(classes)).astype(int)
        summed = np.bincount(self.true, weights=self.sets.sum(axis=1), minlength=len(classes))
        low, high = wilson(hits, n)
        with np.errstate(invalid="ignore"):
            return pd.DataFrame(
                {"class": list(classes), "n": n, "coverage": hits / n, "low": low, "high": high, "size": summed / n}
            )

    def to_dict(self, classes: Sequence[str]) -> dict:
        limits = {
            name: float(limit) if np.isfinite(limit) else None for name, limit in zip(classes, self.thresholds, strict=True)
        }
        plain = {"method": self.method, "wanted": self.target, "thresholds": limits}
        measured = {"coverage": self.coverage.to_dict(), "expected": list(self.expected or ()) or None, "mean_size": self.size}
        tables = {"sizes": self.sizes().to_dict("records"), "by_class": self.by_class(classes).to_dict("records")}
        return plain | {"calibrated_on": self.calibrated_on, "n": len(self.true)} | measured | tables


def threshold(scores: np.ndarray, coverage: float) -> float:
    """The score that a class may have to be in the set: a quantile of the true classes' scores on n calibration images, (n,).

    The ceil((n + 1) coverage)-th smallest; infinite where n is too small for it. Vovk, Gammerman and Shafer 2005; Lei et al. 2018,
    "Distribution-free predictive inference for regression".
    """
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return float(np.partition(scores, rank - 1)[rank - 1]) if rank <= len(scores) else float("inf")


def conformal_sets(
    calibration: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], coverage: float, method: str = LAC
) -> ConformalSets:
    """Split conformal prediction: (probabilities, true classes) of validation set the threshold, those of test measure it.

    Raises UserError for a coverage or a method that there is not.
    """
    if not LOWEST <= coverage <= HIGHEST:
        raise UserError(f"A coverage of {coverage:g} was asked for.", f"Choose one from {LOWEST:g} to {HIGHEST:g}, such as 0.9.")
    if method not in METHODS:
        raise UserError(f"There is no method {method!r} for prediction sets.", f"Choose one of: {', '.join(METHODS)}.")
    (probabilities, true), (tested, test_true) = calibration, test
    known = _scores(probabilities)[np.arange(len(true)), true]
    classes = probabilities.shape[1]
    if method == CLASSWISE:
        limits = np.array([threshold(known[true == index], coverage) for index in range(classes)])
    else:
        limits = np.full(classes, threshold(known, coverage))
    expected = expected_coverage(len(true), len(test_true), coverage) if method == LAC and limits[0] > 0 else None
    return ConformalSets(method, coverage, limits, len(true), _scores(tested) <= limits, test_true, expected)


def expected_coverage(calibration: int, test: int, coverage: float) -> tuple[float, float]:
    """Where the coverage measured on `test` images lies with 95%, for exchangeable images and scores without ties.

    Given the calibration, the true coverage follows Beta(k, n + 1 - k) with k = ceil((n + 1) coverage); Angelopoulos and Bates 2023,
    "Conformal prediction: a gentle introduction", section 3.2.
    """
    rank = int(np.ceil((calibration + 1) * coverage - 1e-9))
    if rank > calibration:
        return 1.0, 1.0
    from scipy import stats

    law = stats.betabinom(test, rank, calibration + 1 - rank)
    return float(law.ppf((1 - LEVEL) / 2) / test), float(law.ppf((1 + LEVEL) / 2) / test)
