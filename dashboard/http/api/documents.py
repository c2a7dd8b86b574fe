"""The JSON documents that the API sends; the published schema is made of these types."""

import math
from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict

from engine.core.estimate import EstimateDocument
from engine.inference.verdict import Judge, Kind
from engine.runs.results import ClassCounts, SplitScores
from engine.runs.run import Run, State

if TYPE_CHECKING:  # the server starts sooner without it
    from engine.data.predictions import ImagePrediction

_DIGITS = 6  # of a probability; in bfloat16 about three of them are significant
_SHARE = {"minimum": 0, "maximum": 1}

ClassProbability = TypedDict("ClassProbability", {"class": str, "probability": Annotated[float, _SHARE]})


class Error(TypedDict):
    error: str
    hint: NotRequired[str]


class ImageAnswer(TypedDict):
    """The prediction for one image."""

    name: str
    top: list[ClassProbability]
    verdict: Annotated[Kind, {"description": "unknown: unlike the training images (out-of-distribution)"}]
    may_be: Annotated[list[str], {"description": "the classes that it may be, the most probable first"}]
    novelty: Annotated[float | None, {
        "description": "above 1: more unusual than nearly all validation images; null until `novelty` or the Predict page has measured the run",
    }]  # fmt: skip


class UnreadableImage(TypedDict):
    """An image that could not be read, with the reason."""

    name: str
    error: str


class Predictions(TypedDict):
    run: str
    classes: list[str]
    predictions: list[ImageAnswer | UnreadableImage]
    milliseconds: float


class Unreadable(Predictions):
    """Predictions without any: none of the images can be read."""

    error: str


class Score(EstimateDocument):
    """A score and its 95% interval."""


class Scores(TypedDict):
    """The scores on a split."""

    n: int
    accuracy: Score
    macro_f1: Score
    macro_f1_classes: Annotated[ClassCounts | None, {"description": "how many classes have images; null in old runs"}]


class Model(TypedDict):
    """A run that can make predictions. `test`: None where it has not been scored."""

    id: str
    title: str
    dataset: str
    backbone: str
    image_size: int
    classes: list[str]
    state: State
    test: Scores | None


class Models(TypedDict):
    models: list[Model]


def image_answer(name: str, prediction: "ImagePrediction", judge: Judge, top: int) -> ImageAnswer | UnreadableImage:
    if prediction.error:
        return {"name": name, "error": prediction.error}
    verdict, novelty = judge.verdict(prediction), prediction.novelty
    return {
        "name": name,
        "top": [{"class": label, "probability": round(value, _DIGITS)} for label, value in prediction.top(top)],
        "verdict": verdict.kind,
        "may_be": list(verdict.classes),
        "novelty": None if math.isnan(novelty) else round(novelty, 4),
    }


def model(run: Run) -> Model:
    config = run.config
    return {
        "id": run.id, "title": run.title, "dataset": config.dataset, "backbone": config.model, "image_size": config.image_size,
        "classes": list(run.classes), "state": run.status.state, "test": _scores(run.results.get("test")),
    }  # fmt: skip


def _scores(test: SplitScores | None) -> Scores | None:
    if not isinstance(test, dict) or not {"n", "accuracy", "macro_f1"} <= test.keys():  # results.json may be damaged
        return None
    return {
        "n": test["n"], "accuracy": test["accuracy"], "macro_f1": test["macro_f1"], "macro_f1_classes": test.get("macro_f1_classes"),
    }  # fmt: skip
