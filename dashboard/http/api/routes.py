"""The handlers of the API: check the caller, read the request, predict, respond."""

import functools
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboard.http.api import guard
from dashboard.http.api.documents import (
    ModelDocument,
    PredictionDocument,
    UnreadableDocument,
    model_document,
    prediction_document,
)
from dashboard.http.api.errors import HEADERS, ApiError
from dashboard.http.api.inference import SHARED
from dashboard.http.api.request import PredictRequest, read_request
from dashboard.http.api.schema import document
from engine.core.errors import UserError
from engine.runs.run import list_runs, load_run

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


def _predict_images(images_request: PredictRequest) -> tuple[list[PredictionDocument | UnreadableDocument], tuple[str, ...]]:
    """The predictions and the classes. Runs in a worker thread. Raises UserError for a run that is missing or has no model yet."""
    # Not at the top: the server imports this module before it has Streamlit's runtime, which the caches need.
    from dashboard import cache
    from engine.inference.predict import predict

    run = load_run(images_request.run)
    model, judge = cache.model(run), cache.judge((run,))
    contents = [content for _, content in images_request.images]
    predictions = predict(model, contents, images_request.top)
    documents = [prediction_document(name, one, judge) for (name, _), one in zip(images_request.images, predictions, strict=True)]
    return documents, model.meta.classes


def _list_models() -> list[ModelDocument]:
    return [model_document(run) for run in list_runs() if any((run.path / "checkpoints").glob("best-*"))]


ROUTES = [
    Route("/api/predict", _predict, methods=["POST"], name="api-predict"),
    Route("/api/models", _models, methods=["GET"], name="api-models"),
    Route("/api/openapi.json", _openapi, methods=["GET"], name="api-openapi"),
]
