"""Whether to trust a run's score: what was measured and how, and what the score does not cover, in sentences."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.file_cache import read_cached
from engine.core.number_text import percent
from engine.data.columns import Columns
from engine.data.predictions import Predictions, read_predictions
from engine.embeddings.neighbours import Index
from engine.evaluation import calibration, conformal, metrics, selective
from engine.evaluation.calibration import Calibration
from engine.evaluation.conformal import ConformalSets
from engine.evaluation.near_copies import NEAR, NearCopies, find_near_copies, score_without_copies
from engine.evaluation.selective import SelectiveScore
from engine.runs.results import split_scores
from engine.runs.run import Run, list_runs

TARGETS = (0.9, 0.95, 0.98, 0.99, 0.995)
SURE = 0.9
# The topics of `sentences`, as the page and the report ask about them.
QUESTIONS = {
    "interval": "Confidence intervals: where do they come from?",
    "protocol": "Protocol: was the test set used for tuning?",
    "copies": "Leaks: were test images in the training set?",
    "sure": "Confident errors: how often?",
    "calibration": "Calibration: can the confidence be trusted?",
    "person": 'Selective prediction: what if it may say "I don\'t know"?',
    "sets": "Conformal sets: what if it may name several classes?",
}


@dataclass(frozen=True)
class Evidence:
    """A run's predictions on a split, its predictions on validation (None where that is the split, or there are none), its temperature."""

    run: Run
    split: str
    predictions: Predictions
    validation: Predictions | None
    temperature: float

    @cached_property
    def calibration(self) -> dict[str, Calibration]:
        """Before and after the temperature."""
        return calibration.before_and_after(self.predictions, self.temperature)

    @property
    def confidence(self) -> np.ndarray:
        return self.predictions.confidence

    @cached_property
    def right(self) -> np.ndarray:
        return self.predictions.right

    @property
    def target(self) -> float:
        """A target accuracy worth trying: the first of TARGETS that is clearly above the accuracy on all images."""
        return next((target for target in TARGETS if target > self.right.mean() + 0.01), TARGETS[-1])

    def selective_score(self, target: float) -> SelectiveScore | None:
        """The score with the threshold that reaches the target accuracy on validation; None where no threshold does."""
        if self.validation is None:
            return None
        limit = selective.threshold_for(self.validation.confidence, self.validation.right, target)
        return selective.score_at_threshold(self.confidence, self.right, limit) if limit is not None else None

    def sets(self, coverage: float, method: str = conformal.LAC) -> ConformalSets | None:
        """Conformal sets with thresholds from validation, measured here; None without validation.

        Raises UserError for an impossible coverage or an unknown method.
        """
        if self.validation is None:
            return None
        return conformal.conformal_sets(
            (self.validation.probabilities.astype(np.float64), self.validation.true),
            (self.predictions.probabilities.astype(np.float64), self.predictions.true),
            coverage,
            method,
        )


def load_evidence(run: Run, split: str = "test") -> Evidence:
    """Raises UserError where the split's table is missing, damaged or cut short; a damaged validation table counts as none."""
    validation = None
    if split != "validation" and run.has_predictions("validation"):
        try:
            validation = run.predictions("validation")
        except UserError:
            validation = None
    # 1.0 changes nothing: without a temperature, the probabilities are uncalibrated.
    temperature = run.results.get("temperature")
    return Evidence(run, split, run.predictions(split), validation, float(temperature) if temperature else 1.0)


@dataclass(frozen=True)
class Protocol:
    """How the score came about.

    `test_scored`: times that the run was scored on test. `on_test`: runs that were scored on any of the same test images, this one
    included. `validation`: validation images. `missing`: images that results.json counts and the table does not have.
    """

    test_scored: int
    on_test: int
    validation: int
    missing: int


def read_protocol(evidence: Evidence) -> Protocol:
    run = evidence.run
    events, _ = run.events()
    contents = contents_of_test(run)
    scored_on_same = [
        other
        for other in list_runs(run.config.dataset)
        if "test" in other.results and (other.id == run.id or np.isin(contents, contents_of_test(other)).any())
    ]
    scores = split_scores(run.results, evidence.split)
    count = scores["n"] if scores else len(evidence.predictions)
    return Protocol(
        test_scored=sum(event.get("kind") == "score" and event.get("split") == "test" for event in events),
        on_test=len(scored_on_same),
        validation=run.results.get("validation", {}).get("n", 0),
        missing=max(0, count - len(evidence.predictions)),
    )


def contents_of_test(run: Run) -> np.ndarray:
    """The contents (64 bits of their hashes) of the test images that the run was scored on; empty where its predictions cannot be read.

    Contents, not the data's fingerprint: test images stay the same when labels are corrected or other images are excluded.
    """
    return read_cached(run.path, "predictions-test.parquet", _read_contents)


def _read_contents(file: Path) -> np.ndarray:
    try:
        return Predictions(read_predictions(file.parent, "test", ["content"]), ()).marks
    except UserError:
        return np.array([], np.uint64)


def near_copies(evidence: Evidence, columns: Columns, index: Index | None) -> NearCopies | None:
    """`find_near_copies` of the split's images; None for the training split itself."""
    return find_near_copies(columns, index, evidence.predictions) if evidence.split != "train" else None


def sentences(
    evidence: Evidence, protocol: Protocol, near: NearCopies | None, target: float, sets: ConformalSets | None
) -> dict[str, str]:
    """The findings in plain words, by topic: interval, protocol, copies, sure, calibration, person, sets. They contain no names."""
    by_topic = {
        "interval": _interval(evidence),
        "protocol": _protocol(evidence, protocol),
        "copies": _copies(evidence, near),
        "sure": _confident_errors(evidence),
        "calibration": _calibration(evidence),
        "person": _selective_prediction(evidence, target),
        "sets": _sets(sets),
    }
    return {topic: text for topic, text in by_topic.items() if text}


def _interval(evidence: Evidence) -> str:
    n = len(evidence.right)
    score = metrics.proportion(int(evidence.right.sum()), n)
    text = (
        f"{score.text('%')} of {n:,} {evidence.split} images are classified correctly. The interval covers chance in the choice of these "
        "images (Wilson; for macro F1, 2,000 bootstrap resamples). It does not cover another training seed or photos from elsewhere."
    )
    return f"{text} With so few images, the score is uncertain." if n < metrics.SMALL else text


def _protocol(evidence: Evidence, protocol: Protocol) -> str:
    missing = (
        f" The prediction table lacks {protocol.missing:,} of the images that were scored; the figures here do not include them."
        if protocol.missing
        else ""
    )
    if evidence.split != "test":
        return f"These are {evidence.split} images: choices were made on them, so the score is too high. Look at the test split.{missing}"
    times = {0: "How often the test images were scored is not recorded", 1: "The test images were scored once, at the end"}
    text = times.get(
        protocol.test_scored,
        f"The test images were scored {protocol.test_scored} times, because the run was stopped and resumed",
    )
    choice = "the regularisation strength C" if evidence.run.config.method == "linear" else "the epoch"
    if protocol.validation:
        text += f"; {choice}, temperature and thresholds were chosen on {protocol.validation:,} validation images."
    else:
        text += "."
    if protocol.on_test > 1:
        text += (
            f" {protocol.on_test:,} runs were scored on these test images, or on some of them: picking the best test score rewards luck. "
            "Choose by validation score."
        )
    return text + missing


def _copies(evidence: Evidence, near: NearCopies | None) -> str:
    if near is None:
        return ""
    exact, score = int(near.exact.sum()), metrics.proportion(int(evidence.right.sum()), len(evidence.right))
    files = (
        f"{exact:,} {'image is' if exact == 1 else 'images are'} also in the training set"
        if exact
        else "No image is also in the training set"
    )
    if not near.known:
        return f"{files}. Near-duplicates are unknown: the dataset's embeddings have not been computed."
    result = score_without_copies(near, evidence.right, NEAR)
    if not result.excluded:
        return f"{files}, and none has a near-duplicate there (cosine distance up to {NEAR:g})."
    after, before = result.accuracy.text("%"), percent(score.value)
    effect = f"accuracy stays at {after}" if after.startswith(f"{before} ") else f"accuracy is {after} instead of {before}"
    one = result.excluded == 1
    return (
        f"{files}; {result.excluded:,} {'has' if one else 'have'} a copy or near-duplicate there (cosine distance up to {NEAR:g}). "
        f"Without {'it' if one else 'them'}, {effect}."
    )


def _confident_errors(evidence: Evidence) -> str:
    row = calibration.confident_errors(evidence.predictions, (SURE,)).iloc[0]
    n, wrong = int(row["n"]), int(row["wrong"])
    if not n:
        return f"No prediction reaches {SURE:.0%} confidence."
    rate = Estimate(row["rate"], row["low"], row["high"])
    return (
        f"{n:,} {'prediction has' if n == 1 else 'predictions have'} a confidence of {SURE:.0%} or more; {wrong:,} of them "
        f"{'is' if wrong == 1 else 'are'} wrong: {rate.text('%')}."
    )


def _calibration(evidence: Evidence) -> str:
    result = evidence.calibration["after"]
    direction = "overconfident" if result.confidence > result.accuracy else "underconfident"
    comparison = (
        f"more than chance explains (up to {result.chance:.1%}): the model is {direction}"
        if result.beyond_chance
        else f"no more than a perfectly calibrated model has by chance (up to {result.chance:.1%})"
    )
    return (
        f"The mean confidence is {result.confidence:.1%} and the accuracy {result.accuracy:.1%}. The expected calibration error is "
        f"{result.ece:.1%}, {comparison}."
    )


def _selective_prediction(evidence: Evidence, target: float) -> str:
    if evidence.validation is None:
        return ""
    score = evidence.selective_score(target)
    if score is None:
        return f"No confidence threshold reaches {target:.1%} accuracy on validation: a person would have to check every image."
    return (
        f"For {target:.1%} accuracy, the model answers where its confidence is at least {score.threshold:.1%} (chosen on validation) and "
        f"leaves {1 - score.coverage:.1%} of the images to a person. On {evidence.split}, {score.accuracy.text('%')} of the "
        f"{score.answered:,} answers were right."
    )


def _sets(sets: ConformalSets | None) -> str:
    if sets is None:
        return ""
    single = float((sets.sets.sum(axis=1) == 1).mean())
    text = (
        f"Sets of classes that should contain the true class for {sets.target:.1%} of images like those of validation contained it for "
        f"{sets.coverage.text('%')}"
    )
    if sets.unlimited:
        return (
            f"{text}; validation has too few images for {sets.unlimited:,} of {len(sets.thresholds):,} classes, which are therefore in "
            "every set."
        )
    return f"{text}; {single:.1%} of the sets are a single class, and the mean size is {sets.size:.2f} classes."
