"""Whether to believe a run's score: what was measured, how, and what it does not know, in sentences and in numbers."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.file_cache import read_cached
from engine.core.number_text import percent_estimate
from engine.data.columns import Columns
from engine.data.predictions import read_predictions
from engine.embeddings.neighbours import Index
from engine.evaluation import calibration, conformal, metrics, selective, tables
from engine.evaluation.calibration import Calibration
from engine.evaluation.conformal import ConformalSets
from engine.evaluation.metrics import Estimate
from engine.evaluation.near_copies import DISTANCES, NEAR, NearCopies, find_near_copies, score_without_copies
from engine.evaluation.selective import SelectiveScore
from engine.runs.run import Run, list_runs

TARGETS = (0.9, 0.95, 0.98, 0.99, 0.995)
SURE = 0.9
COVERAGE = 0.95


@dataclass(frozen=True)
class Evidence:
    """A run's answers on a split, and on validation where that is another split and there are any; its temperature."""

    run: Run
    split: str
    predictions: pd.DataFrame
    validation: pd.DataFrame | None
    temperature: float

    @cached_property
    def calibration(self) -> dict[str, Calibration]:
        """Before and after the temperature."""
        return calibration.before_and_after(self.predictions, self.temperature)

    @cached_property
    def confidence(self) -> np.ndarray:
        return self.predictions["confidence"].to_numpy()

    @cached_property
    def right(self) -> np.ndarray:
        return tables.right(self.predictions)

    @property
    def target(self) -> float:
        """An accuracy worth asking for: the first of TARGETS clearly above what all images have."""
        return next((target for target in TARGETS if target > self.right.mean() + 0.01), TARGETS[-1])

    def selective_score(self, target: float) -> SelectiveScore | None:
        """What the threshold that reaches the target on validation does here; None where none reaches it."""
        if self.validation is None:
            return None
        limit = selective.threshold_for(self.validation["confidence"].to_numpy(), tables.right(self.validation), target)
        return selective.score_at_threshold(self.confidence, self.right, limit) if limit is not None else None

    def sets(self, wanted: float, method: str = conformal.LAC) -> ConformalSets | None:
        """Prediction sets with thresholds from validation, measured here. Raises UserError for a coverage that there is not."""
        if self.validation is None:
            return None
        both = ((tables.probabilities(table), table["true"].to_numpy()) for table in (self.validation, self.predictions))
        return conformal.conformal_sets(*both, wanted, method)


def load_evidence(run: Run, split: str = "test") -> Evidence:
    """Raises UserError where the split's table is missing, damaged or cut short; a damaged validation table counts as none."""
    validation = None
    if split != "validation" and run.has_predictions("validation"):
        try:
            validation = tables.load_predictions(run, "validation")
        except UserError:
            validation = None
    temperature = run.results.get("temperature")
    return Evidence(run, split, tables.load_predictions(run, split), validation, float(temperature) if temperature else 1.0)


@dataclass(frozen=True)
class Protocol:
    """How the score came about: `test_scored` times the run was scored on test, `on_test` runs that were scored on any of the same images."""

    test_scored: int
    on_test: int
    validation: int
    missing: int  # images that results.json counts and the table does not have


def read_protocol(of: Evidence) -> Protocol:
    run = of.run
    events, _ = run.events()
    mine = contents_of_test(run)
    others = [
        other
        for other in list_runs(run.config.dataset)
        if "test" in other.results and (other.id == run.id or mine & contents_of_test(other))
    ]
    counted = run.results.get(of.split, {}).get("n", len(of.predictions))
    return Protocol(
        test_scored=sum(event.get("kind") == "score" and event.get("split") == "test" for event in events),
        on_test=len(others),
        validation=run.results.get("validation", {}).get("n", 0),
        missing=max(0, int(counted) - len(of.predictions)),
    )


def contents_of_test(run: Run) -> frozenset[str]:
    """The contents of the images on which the run was scored on test: labels that are corrected or images that are excluded do not make
    them new ones. Empty where its answers cannot be read."""
    return read_cached(run.path, "predictions-test.parquet", _contents)


def _contents(file: Path) -> frozenset[str]:
    try:
        return frozenset(read_predictions(file.parent, "test", ["content"])["content"])
    except UserError:
        return frozenset()


def sentences(of: Evidence, how: Protocol, near: NearCopies | None, target: float, sets: ConformalSets | None) -> dict[str, str]:
    """The answers in plain words, by topic: interval, protocol, copies, sure, calibration, person, sets. No names in them."""
    said = {
        "interval": _interval(of),
        "protocol": _protocol(of, how),
        "copies": _copies(of, near),
        "sure": _sure(of),
        "calibration": _calibration(of),
        "person": _person(of, target),
        "sets": _sets(sets),
    }
    return {topic: text for topic, text in said.items() if text}


def document(
    of: Evidence, near: NearCopies | None, target: float | None = None, wanted: float = COVERAGE, method: str = conformal.LAC
) -> dict:
    """All of it as one JSON document."""
    target, how, sets = target or of.target, read_protocol(of), of.sets(wanted, method)
    classes, matrix = of.run.classes, metrics.confusion(of.predictions, len(of.run.classes))
    kept = of.selective_score(target)
    reliability = calibration.reliability(of.confidence, of.right)
    return {
        "run": of.run.id,
        "split": of.split,
        "n": len(of.predictions),
        "sentences": sentences(of, how, near, target, sets),
        "accuracy": metrics.accuracy(matrix).to_dict(),
        "macro_f1": metrics.macro_f1(matrix).to_dict(),
        "macro_f1_classes": metrics.macro_f1_classes(matrix),
        "per_class": metrics.per_class_intervals(matrix, classes).to_dict("records"),
        "protocol": dataclasses.asdict(how),
        "temperature": of.temperature,
        "calibration": {name: found.to_dict() for name, found in of.calibration.items()},
        "reliability": reliability.to_dict("records"),
        "sure_and_wrong": calibration.confident_errors(of.predictions).to_dict("records"),
        "risk_coverage": {
            "aurc": selective.aurc(of.confidence, of.right),
            "aurc_best": selective.best_aurc(float(1 - of.right.mean()), len(of.right)),
            "target": target,
            "left_to_a_person": kept.to_dict() if kept else None,
        },
        "prediction_sets": sets.to_dict(classes) if sets else None,
        "near_copies": _copies_document(of, near),
    }


def near_copies(of: Evidence, columns: Columns, index: Index | None) -> NearCopies | None:
    """`find_near_copies` of the split's images; None for a split that is trained on."""
    return find_near_copies(columns, index, of.predictions) if of.split != "train" else None


def _copies_document(of: Evidence, near: NearCopies | None) -> dict | None:
    if near is None:
        return None
    distances: Sequence[float] = (0.0, *DISTANCES) if near.known else (0.0,)
    result = [score_without_copies(near, of.right, distance).to_dict() for distance in distances]
    return {"exact": int(near.exact.sum()), "compared": near.known, "without": result}


def _interval(of: Evidence) -> str:
    n = len(of.right)
    score = metrics.proportion(int(of.right.sum()), n)
    return (
        f"{_share(score)} of {n:,} {of.split} images are right. The interval is what chance in the choice of these images allows "
        "(Wilson; macro F1 by 2,000 resamples of the images). It knows nothing of another training seed, nor of photos from elsewhere."
        + (" So few images say little." if n < metrics.SMALL else "")
    )


def _protocol(of: Evidence, how: Protocol) -> str:
    missing = (
        f" The table lacks {how.missing:,} images that were scored then: the figures here are without them."
        if how.missing
        else ""
    )
    if of.split != "test":
        return f"These are {of.split} images: choices were made on them, so the score is too good. The test split tells.{missing}"
    once = {0: "How often the test set was scored is not recorded", 1: "The test images were scored once, at the end"}
    said = once.get(
        how.test_scored, f"The run was scored on the test set {how.test_scored} times, because it was stopped and resumed"
    )
    chosen = "the regularisation strength C" if of.run.config.method == "linear" else "the epoch"
    said += (
        f"; {chosen}, temperature and thresholds were chosen on {how.validation:,} validation images." if how.validation else "."
    )
    if how.on_test > 1:
        said += (
            f" {how.on_test:,} runs were scored on these test images, or on some of them: picking the best test score rewards luck."
            " Choose by validation."
        )
    return said + missing


def _copies(of: Evidence, near: NearCopies | None) -> str:
    if near is None:
        return ""
    exact, score = int(near.exact.sum()), metrics.proportion(int(of.right.sum()), len(of.right))
    files = (
        f"{exact:,} of them {'is a file' if exact == 1 else 'are files'} of train as well"
        if exact
        else "None of them is a file of train"
    )
    if not near.known:
        return f"{files}. Near-copies are not known: the dataset's embeddings have not been computed."
    result = score_without_copies(near, of.right, NEAR)
    if not result.excluded:
        return f"{files}, and none is nearly one (cosine distance up to {NEAR:g})."
    after, before = _share(result.accuracy), f"{score.value:.1%}"
    effect = f"accuracy stays at {after}" if after.startswith(f"{before} ") else f"accuracy is {after} instead of {before}"
    return (
        f"{files}; {result.excluded:,} {'is' if result.excluded == 1 else 'are'} at least nearly a training image (cosine distance up to "
        f"{NEAR:g}). Without {'it' if result.excluded == 1 else 'them'} {effect}."
    )


def _sure(of: Evidence) -> str:
    row = calibration.confident_errors(of.predictions, (SURE,)).iloc[0]
    if not row["n"]:
        return f"It never reaches {SURE:.0%} confidence."
    rate = Estimate(row["rate"], row["low"], row["high"])
    return f"It is {SURE:.0%} sure or more of {row['n']:,.0f} images, and wrong in {row['wrong']:,.0f} of these: {_share(rate)}."


def _calibration(of: Evidence) -> str:
    result = of.calibration["after"]
    gap = 100 * (result.confidence - result.accuracy)
    said = f"On average it is {result.confidence:.1%} sure and right in {result.accuracy:.1%}"
    beyond = (
        f"more than chance explains (up to {result.chance:.1%}): it is {'overconfident' if gap > 0 else 'underconfident'}"
        if result.beyond_chance
        else f"no more than chance gives a perfectly calibrated model (up to {result.chance:.1%})"
    )
    return f"{said}. Confidence and accuracy are {result.ece:.1%} apart (expected calibration error), {beyond}."


def _person(of: Evidence, target: float) -> str:
    if of.validation is None:
        return ""
    result = of.selective_score(target)
    if result is None:
        return f"No threshold on the confidence reaches {target:.1%} on validation: a person would have to see every image."
    return (
        f"To be right in {target:.1%}, it answers where it is {result.threshold:.1%} sure or more (chosen on validation) and leaves "
        f"{1 - result.coverage:.1%} of the images to a person. On {of.split} that was right in {_share(result.accuracy)} of {result.answered:,}."
    )


def _sets(sets: ConformalSets | None) -> str:
    if sets is None:
        return ""
    one = float((sets.sets.sum(axis=1) == 1).mean())
    said = f"Sets of classes that should hold the truth in {sets.target:.1%} for pictures like those of validation "
    said += f"held it in {_share(sets.coverage)}"
    if sets.unlimited:
        return (
            f"{said}; validation is too small for {sets.unlimited:,} of {len(sets.thresholds):,} classes, which are in every set."
        )
    return f"{said}; {one:.1%} of them are a single class, the mean is {sets.size:.2f} classes."


def _share(score: Estimate) -> str:
    return percent_estimate(score.value, score.low, score.high)
