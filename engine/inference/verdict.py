"""The verdict on a prediction: sure, unsure between some classes, or unknown, which is none of the classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.inference import ood
from engine.inference.ood import OodDetector
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

    def verdict(self, probabilities: Sequence[float] | np.ndarray, ood_score: float) -> Verdict:
        """The verdict for the probabilities of the classes, (classes,), and the image's out-of-distribution score."""
        order = np.argsort(-np.asarray(probabilities), kind="stable")
        # The best class is always named: an empty set would tell a person nothing.
        named = [i for place, i in enumerate(order) if place == 0 or probabilities[i] >= self.least - _ROUNDING]
        kind = UNKNOWN if ood_score > 1 and self.decides else UNSURE if len(named) > 1 else SURE
        return Verdict(kind, tuple(self.classes[i] for i in named))


def load_judge(runs: Sequence[Run]) -> Judge:
    """The judge of a run's predictions, or of the mean of several runs' predictions in the order of the first run's classes.

    It has no out-of-distribution detector where none has been fitted (`ood.fit_detector`), or where there are several runs.
    """
    tables = [_validation(run) for run in runs]
    shared = set.intersection(*(set(table.index) for table in tables)) if tables else set()
    keys = sorted(shared)
    least = USUAL
    if keys:
        aligned = [
            align_classes(np.stack(table.loc[keys, "probabilities"].tolist()), run, runs[0])
            for table, run in zip(tables, runs, strict=True)
        ]
        least = _least(np.mean(aligned, axis=0), tables[0].loc[keys, "true"].to_numpy())
    detectors = [ood.load_detector(run) for run in runs]
    # The mean of several scores is as reliable as the one whose detector has the fewest images.
    decides = all(detector.decides for detector in detectors if detector)
    return Judge(runs[0].classes, least, len(keys), detectors[0] if len(runs) == 1 else None, decides)


class Classifies(Protocol):
    """A run, or an exported model: has a name and classes in an order of its own."""

    @property
    def id(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...


def align_classes(probabilities: np.ndarray, run: Classifies, like: Classifies) -> np.ndarray:
    """(n, classes) of a run, in the order of another run's classes. Raises UserError where the two were trained on different classes."""
    if set(run.classes) != set(like.classes):
        raise UserError(f"{run.id} and {like.id} were trained on different classes.", "Choose runs on the same classes.")
    return probabilities[:, [run.classes.index(name) for name in like.classes]]


def _validation(run: Run) -> pd.DataFrame:
    """The run's validation table by content; empty where there is none."""
    try:
        return run.predictions("validation").drop_duplicates("content").set_index("content")
    except UserError:
        return pd.DataFrame(columns=["true", "probabilities"])


def _least(probabilities: np.ndarray, true: np.ndarray) -> float:
    """The probability that a class needs for the classes named to hold the right one with `COVERAGE`: split conformal prediction."""
    from engine.evaluation.conformal import threshold

    score = threshold(1 - probabilities[np.arange(len(true)), true], COVERAGE)
    return 1 - score if np.isfinite(score) else USUAL


def _enough(n: int) -> bool:
    """Whether n calibration images can promise `COVERAGE`."""
    return math.ceil((n + 1) * COVERAGE - 1e-9) <= n
