"""The handlers of the API: check the caller, read the request, predict, respond."""

import functools
import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboard.http.api import guard
from dashboard.http.api.errors import HEADERS, ApiError
from dashboard.http.api.inference import SHARED
from dashboard.http.api.request import PredictRequest, read_request
from dashboard.http.api.schema import document
from engine.core.errors import UserError
from engine.inference import predict
from engine.runs.run import Run, list_runs, load_run

if TYPE_CHECKING:
    from engine.inference.predict import Answer
    from engine.inference.verdict import Judge

_DIGITS = 6  # of a probability; in bfloat16 about three of them are significant

Handler = Callable[[Request], Awaitable[JSONResponse]]


def _guarded(handler: Handler) -> Handler:
    """Decorate a handler: check the caller first, and turn errors into responses."""

    @functools.wraps(handler)
    async def guarded(request: Request) -> JSONResponse:
        try:
            guard.check(request.headers, request.client.host if request.client else None)
            return await handler(request)
        except ApiError as error:
            return error.response
        except UserError as error:
            return ApiError(404, error.message, error.hint).response

    return guarded


@_guarded
async def _predict(request: Request) -> JSONResponse:
    images_request = await read_request(request)
    start = time.perf_counter()
    predictions, classes = await SHARED.run(lambda: _predict_images(images_request))
    result = {
        "run": images_request.run,
        "classes": list(classes),
        "predictions": predictions,
        "milliseconds": round((time.perf_counter() - start) * 1000, 1),
    }
    if all("error" in one for one in predictions):
        return JSONResponse({"error": "None of the images can be read.", **result}, 422, HEADERS)
    return JSONResponse(result, headers=HEADERS)


@_guarded
async def _models(request: Request) -> JSONResponse:
    return JSONResponse({"models": await SHARED.run(_list_models)}, headers=HEADERS)


@_guarded
async def _openapi(request: Request) -> JSONResponse:
    return JSONResponse(document(), headers=HEADERS)


def _predict_images(images_request: PredictRequest) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The predictions and the classes. Runs in a worker thread. Raises UserError for a run that is missing or has no model yet."""
    # Not at the top: the server imports this module before it has Streamlit's runtime, which the caches need.
    from dashboard import cache

    run = load_run(images_request.run)
    model, judge = cache.model(run), cache.judge((run,))
    contents = [content for _, content in images_request.images]
    predictions = predict.predict(model, contents, images_request.top)
    documents = [
        _prediction_document(name, one, judge) for (name, _), one in zip(images_request.images, predictions, strict=True)
    ]
    return documents, model.meta.classes


def _prediction_document(name: str, prediction: "Answer", judge: "Judge") -> dict[str, Any]:
    if prediction.features is None or prediction.probabilities is None:
        return {"name": name, "error": prediction.error}
    novelty = float(judge.novelty(prediction.features[None], np.array([prediction.energy]))[0])
    verdict = judge.verdict(prediction.probabilities, novelty)
    return {
        "name": name,
        "top": [{"class": label, "probability": round(value, _DIGITS)} for label, value in prediction.top],
        "verdict": verdict.kind,
        "may_be": list(verdict.classes),
        "novelty": None if math.isnan(novelty) else round(novelty, 4),
    }


def _list_models() -> list[dict[str, Any]]:
    return [_model_document(run) for run in list_runs() if any((run.path / "checkpoints").glob("best-*"))]


def _model_document(run: Run) -> dict[str, Any]:
    config, test = run.config, run.results.get("test")
    return {
        "id": run.id, "title": run.title, "dataset": config.dataset, "backbone": config.model, "image_size": config.image_size,
        "classes": list(run.classes), "state": run.status.state,
        "test": {key: test.get(key) for key in ("n", "accuracy", "macro_f1", "macro_f1_classes")} if isinstance(test, dict) else None,
    }  # fmt: skip


ROUTES = [
    Route("/api/predict", _predict, methods=["POST"], name="api-predict"),
    Route("/api/models", _models, methods=["GET"], name="api-models"),
    Route("/api/openapi.json", _openapi, methods=["GET"], name="api-openapi"),
]
