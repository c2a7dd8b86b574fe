"""`results.json`: the scores of a finished run."""

from typing import NotRequired, TypedDict

from engine.core.estimate import EstimateDocument


class ClassCounts(TypedDict):
    """How many classes have images, which a macro F1 is the mean over, and how many there are."""

    scored: int
    all: int


class SplitScores(TypedDict):
    """The scores of a run on one split: a part of `engine.evaluation.metrics.score_predictions`."""

    n: int
    accuracy: EstimateDocument
    macro_f1: EstimateDocument
    macro_f1_classes: NotRequired[ClassCounts]  # older runs do not have it
    loss: float
    small: NotRequired[bool]


class Results(TypedDict, total=False):
    """The content of `results.json`: the scores of the splits that have images, and the temperature that was fitted on validation."""

    validation: SplitScores
    test: SplitScores
    temperature: float


def split_scores(results: Results, split: str) -> SplitScores | None:
    """The scores of one split; None where it was not scored."""
    scores = {"validation": results.get("validation"), "test": results.get("test")}
    return scores.get(split)
