"""All that `engine.evaluation.trust` has to say about a score, as one JSON document."""

import dataclasses
from collections.abc import Hashable
from typing import Any, TypedDict

from engine.core.estimate import EstimateDocument
from engine.evaluation import calibration, conformal, metrics, selective
from engine.evaluation.defaults import COVERAGE
from engine.evaluation.near_copies import DISTANCES, NearCopies, score_without_copies
from engine.evaluation.trust import Evidence, read_protocol, sentences


class RiskCoverage(TypedDict):
    """`aurc_best`: the area if all errors had the lowest confidence. `left_to_a_person`: the effect of the threshold for `target`."""

    aurc: float
    aurc_best: float
    target: float
    left_to_a_person: dict[str, Any] | None


class NearCopiesScores(TypedDict):
    """`exact`: copies of training files. `compared`: images with a known distance. `without`: scores without those within a distance."""

    exact: int
    compared: int
    without: list[dict[str, Any]]


class TrustDocument(TypedDict):
    """A run's evaluation on a split. `sentences` by topic; tables as lists of rows."""

    run: str
    split: str
    n: int
    sentences: dict[str, str]
    accuracy: EstimateDocument
    macro_f1: EstimateDocument
    macro_f1_classes: dict[str, int]
    per_class: list[dict[Hashable, Any]]
    protocol: dict[str, int]
    temperature: float
    calibration: dict[str, dict[str, Any]]
    reliability: list[dict[Hashable, Any]]
    sure_and_wrong: list[dict[Hashable, Any]]
    risk_coverage: RiskCoverage
    prediction_sets: dict[str, Any] | None
    near_copies: NearCopiesScores | None


def trust_document(
    evidence: Evidence,
    near: NearCopies | None,
    target: float | None = None,
    coverage: float = COVERAGE,
    method: str = conformal.LAC,
) -> TrustDocument:
    """The document for a target accuracy of selective prediction (None: `Evidence.target`) and a coverage of conformal sets."""
    target, protocol, sets = target or evidence.target, read_protocol(evidence), evidence.sets(coverage, method)
    classes = evidence.run.classes
    matrix = metrics.confusion(evidence.predictions.table, len(classes))
    selective_score = evidence.selective_score(target)
    return {
        "run": evidence.run.id,
        "split": evidence.split,
        "n": len(evidence.predictions),
        "sentences": sentences(evidence, protocol, near, target, sets),
        "accuracy": metrics.accuracy(matrix).to_dict(),
        "macro_f1": metrics.macro_f1(matrix).to_dict(),
        "macro_f1_classes": metrics.macro_f1_classes(matrix),
        "per_class": metrics.per_class_intervals(matrix, classes).to_dict("records"),
        "protocol": dataclasses.asdict(protocol),
        "temperature": evidence.temperature,
        "calibration": {name: result.to_dict() for name, result in evidence.calibration.items()},
        "reliability": calibration.reliability(evidence.confidence, evidence.right).to_dict("records"),
        "sure_and_wrong": calibration.confident_errors(evidence.predictions).to_dict("records"),
        "risk_coverage": {
            "aurc": selective.aurc(evidence.confidence, evidence.right),
            "aurc_best": selective.best_aurc(float(1 - evidence.right.mean()), len(evidence.right)),
            "target": target,
            "left_to_a_person": selective_score.to_dict() if selective_score else None,
        },
        "prediction_sets": sets.to_dict(classes) if sets else None,
        "near_copies": _near_copies(evidence, near),
    }


def _near_copies(evidence: Evidence, near: NearCopies | None) -> NearCopiesScores | None:
    if near is None:
        return None
    distances = (0.0, *DISTANCES) if near.known else (0.0,)
    scores = [score_without_copies(near, evidence.right, distance).to_dict() for distance in distances]
    return {"exact": int(near.exact.sum()), "compared": near.known, "without": scores}
