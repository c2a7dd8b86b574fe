"""The JSON documents that the API sends; `schema` describes them to callers."""

import math
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from engine.runs.run import Run

if TYPE_CHECKING:  # the server starts sooner without them
    from engine.inference.predict import Prediction
    from engine.inference.verdict import Judge

_DIGITS = 6  # of a probability; in bfloat16 about three of them are significant

ClassProbability = TypedDict("ClassProbability", {"class": str, "probability": float})


class PredictionDocument(TypedDict):
    """The prediction for one image. `may_be`: the classes of its prediction set; `novelty`: None where it was not measured."""

    name: str
    top: list[ClassProbability]
    verdict: str
    may_be: list[str]
    novelty: float | None


class UnreadableDocument(TypedDict):
    """An image that could not be read, with the reason."""

    name: str
    error: str


class ModelDocument(TypedDict):
    """A run that can make predictions. `test`: its test scores; None where it has not been scored."""

    id: str
    title: str
    dataset: str
    backbone: str
    image_size: int
    classes: list[str]
    state: str
    test: dict[str, Any] | None


def prediction_document(name: str, prediction: "Prediction", judge: "Judge") -> PredictionDocument | UnreadableDocument:
    if prediction.features is None or prediction.probabilities is None:
        return {"name": name, "error": prediction.error}
    novelty = float(judge.ood_scores(prediction.features[None], np.array([prediction.energy]))[0])
    verdict = judge.verdict(prediction.probabilities, novelty)
    return {
        "name": name,
        "top": [{"class": label, "probability": round(value, _DIGITS)} for label, value in prediction.top],
        "verdict": verdict.kind,
        "may_be": list(verdict.classes),
        "novelty": None if math.isnan(novelty) else round(novelty, 4),
    }


def model_document(run: Run) -> ModelDocument:
    config, test = run.config, run.results.get("test")
    return {
        "id": run.id, "title": run.title, "dataset": config.dataset, "backbone": config.model, "image_size": config.image_size,
        "classes": list(run.classes), "state": run.status.state,
        "test": {key: test.get(key) for key in ("n", "accuracy", "macro_f1", "macro_f1_classes")} if isinstance(test, dict) else None,
    }  # fmt: skip
