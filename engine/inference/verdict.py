"""The verdict on a prediction: sure, unsure between some classes, or unknown, which is none of the classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.core.errors import UserError
from engine.data.predictions import ImagePrediction, Predictions
from engine.inference import ood
from engine.inference.ood import OodDetector
from engine.inference.predict import Prediction
from engine.runs.run import Run

# How often the named classes should contain the true one. On the Intel scenes, predictions that name one class were then right in
# 97 to 99% of the cases, and none of them had a probability below 0.8; at a coverage of 0.95 some had 0.33.
COVERAGE = 0.98
_ROUNDING = 1e-6
USUAL = 0.1  # the least probability without enough validation images to promise anything
Kind = Literal["sure", "unsure", "unknown"]
SURE: Kind = "sure"
UNSURE: Kind = "unsure"
UNKNOWN: Kind = "unknown"


@dataclass(frozen=True)
class Verdict:
    """`kind`: sure, unsure or unknown. `classes`: the possible ones, the most probable first."""

    kind: Kind
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Judge:
    """Judges predictions by measurements on validation images: those of a run, or the mean of several runs.

    `least`: the probability that a class needs to be named, from `calibrated_on` validation images; where these are too few
    (`promises` is false), one that is usual. `decides`: whether a `novelty` above 1 means that it is none of the classes; not where too few
    validation images set that limit (`engine.inference.ood.FEWEST`).
    """

    classes: tuple[str, ...]
    least: float
    calibrated_on: int
    detector: OodDetector | None = None
    decides: bool = True

    @property
    def promises(self) -> bool:
        """Whether the named classes contain the true one as often as `COVERAGE` says."""
        return _enough(self.calibrated_on)

    def ood_scores(self, features: np.ndarray, energies: np.ndarray) -> np.ndarray:
        """`OodDetector.scores`: 0 as the median validation image, above 1 unlike nearly all; NaN without a usable detector."""
        return self.detector.scores(features, energies) if self.detector and self.decides else np.full(len(features), np.nan)

    def add_novelty(self, predictions: Sequence[Prediction]) -> list[ImagePrediction]:
        """The predictions with their out-of-distribution scores, without the squares: there may be many."""
        novelty = np.full(len(predictions), np.nan)
        rows = [row for row, prediction in enumerate(predictions) if prediction.features is not None]
        if rows:
            features = [prediction.features for prediction in predictions if prediction.features is not None]
            novelty[rows] = self.ood_scores(np.stack(features), np.array([predictions[row].energy for row in rows]))
        return [
            ImagePrediction(prediction.classes, prediction.probabilities, score, prediction.error)
            for prediction, score in zip(predictions, novelty.tolist(), strict=True)
        ]

    def verdict(self, prediction: ImagePrediction) -> Verdict:
        order = np.argsort(-prediction.probabilities, kind="stable")
        named = prediction.probabilities[order] >= self.least - _ROUNDING
        named[0] = True  # the best class: an empty set would tell a person nothing
        kind = UNKNOWN if prediction.novelty > 1 and self.decides else UNSURE if named.sum() > 1 else SURE
        return Verdict(kind, tuple(prediction.classes[i] for i in order[named]))


def load_judge(runs: Sequence[Run]) -> Judge:
    """The judge of a run's predictions, or of the mean of several runs' predictions in the order of the first run's classes.

    It has no out-of-distribution detector where none has been fitted (`ood.fit_detector`), or where there are several runs.
    """
    mean = _mean_on_validation(runs)
    least = _least(mean.probabilities, mean.true) if mean is not None and len(mean) else USUAL
    detectors = [ood.load_detector(run) for run in runs]
    # The mean of several scores is as reliable as the one whose detector has the fewest images.
    decides = all(detector.decides for detector in detectors if detector)
    return Judge(runs[0].classes, least, len(mean or ()), detectors[0] if len(runs) == 1 else None, decides)


def _mean_on_validation(runs: Sequence[Run]) -> Predictions | None:
    """The mean of the runs' predictions on validation; None where one of them has none. Raises UserError as `Predictions.mean` does."""
    try:
        first, *others = (run.predictions("validation") for run in runs)
    except UserError:
        return None
    return first.mean(*others)


def _least(probabilities: np.ndarray, true: np.ndarray) -> float:
    """The probability that a class needs for the classes named to hold the right one with `COVERAGE`: split conformal prediction."""
    from engine.evaluation.conformal import threshold

    score = threshold(1 - probabilities[np.arange(len(true)), true], COVERAGE)
    return 1 - score if np.isfinite(score) else USUAL


def _enough(n: int) -> bool:
    """Whether n calibration images can promise `COVERAGE`."""
    return math.ceil((n + 1) * COVERAGE - 1e-9) <= n
