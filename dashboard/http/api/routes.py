"""The endpoints of the API: check the caller, read the request, predict, respond."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboard.http.api import documents, guard
from dashboard.http.api.documents import ImageAnswer, Models, Predictions, Unreadable, UnreadableImage
from dashboard.http.api.errors import HEADERS, ApiError
from dashboard.http.api.inference import SHARED
from dashboard.http.api.request import PredictRequest, read_request
from dashboard.http.api.schema import Endpoint, openapi
from engine.core.errors import UserError
from engine.runs.run import list_runs, load_run


async def _predict(request: Request) -> Predictions | Unreadable:
    images_request = await read_request(request)
    start = time.perf_counter()
    answers, classes = await SHARED.run(lambda: _predict_images(images_request))
    result: Predictions = {
        "run": images_request.run,
        "classes": list(classes),
        "predictions": answers,
        "milliseconds": round((time.perf_counter() - start) * 1000, 1),
    }
    return {**result, "error": "None of the images can be read."} if all("error" in answer for answer in answers) else result


async def _models(request: Request) -> Models:
    return {"models": await SHARED.run(_list_models)}


async def _openapi(request: Request) -> dict[str, Any]:
    return openapi(ENDPOINTS)


def _predict_images(images_request: PredictRequest) -> tuple[list[ImageAnswer | UnreadableImage], tuple[str, ...]]:
    """The predictions and the classes. Runs in a worker thread. Raises UserError for a run that is missing or has no model yet."""
    # Not at the top: the server imports this module before it has Streamlit's runtime, which the caches need.
    from dashboard import cache
    from engine.inference.predict import predict

    run = load_run(images_request.run)
    model, judge = cache.model(run), cache.judge((run,))
    images = images_request.images
    predictions = judge.add_novelty(predict(model, [image.content for image in images]))
    answers = [
        documents.image_answer(image.name, prediction, judge, images_request.top)
        for image, prediction in zip(images, predictions, strict=True)
    ]
    return answers, model.meta.classes


def _list_models() -> list[documents.Model]:
    return [documents.model(run) for run in list_runs() if any((run.path / "checkpoints").glob("best-*"))]


def _route(endpoint: Endpoint) -> Route:
    """The endpoint behind the guard, with errors turned into responses."""

    async def respond(request: Request) -> JSONResponse:
        try:
            guard.check(request.headers, request.client.host if request.client else None)
            document = await endpoint.handler(request)
        except ApiError as error:
            return error.response
        except UserError as error:
            return ApiError(404, error.message, error.hint).response
        return JSONResponse(document, 422 if "error" in document else 200, HEADERS)

    return Route(endpoint.path, respond, methods=[endpoint.method], name=f"api-{endpoint.name}")


ENDPOINTS = (
    Endpoint(
        "POST", "/api/predict", "predict", "Classify images", _predict,
        result="One prediction per image, in order; an image that could not be read has an error instead.",
        errors=(400, 401, 403, 404, 413, 415, 422, 503, 504), form=PredictRequest,
    ),
    Endpoint("GET", "/api/models", "models", "Runs that can make predictions", _models, errors=(401, 403, 503, 504)),
    Endpoint("GET", "/api/openapi.json", "document", "This document", _openapi, errors=(401, 403)),
)  # fmt: skip
ROUTES = [_route(endpoint) for endpoint in ENDPOINTS]
