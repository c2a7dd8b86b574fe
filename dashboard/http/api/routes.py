"""The handlers: guard, read, infer, answer."""

import functools
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboard.http.api import guard
from dashboard.http.api import request as body
from dashboard.http.api.inference import SHARED
from dashboard.http.api.refused import HEADERS, Refused
from dashboard.http.api.schema import document
from engine.core.errors import UserError
from engine.runs.run import Run, list_runs, load_run

_DIGITS = 6  # of a probability: a network in bfloat16 has three that mean something

Handler = Callable[[Request], Awaitable[JSONResponse]]


def _guarded(handler: Handler) -> Handler:
    """The handler behind the guard; what is refused on the way becomes its answer."""

    @functools.wraps(handler)
    async def guarded(request: Request) -> JSONResponse:
        try:
            guard.check(request.headers, request.client.host if request.client else None)
            return await handler(request)
        except Refused as refused:
            return refused.response
        except UserError as error:
            return Refused(404, error.message, error.hint).response

    return guarded


@_guarded
async def _predict(request: Request) -> JSONResponse:
    asked = await body.read(request)
    began = time.perf_counter()
    predictions, classes = await SHARED.ask(lambda: _predictions(asked))
    result = {
        "run": asked.run,
        "classes": list(classes),
        "predictions": predictions,
        "milliseconds": round((time.perf_counter() - began) * 1000, 1),
    }
    if all("error" in one for one in predictions):
        return JSONResponse({"error": "None of the images can be read.", **result}, 422, HEADERS)
    return JSONResponse(result, headers=HEADERS)


@_guarded
async def _models(request: Request) -> JSONResponse:
    return JSONResponse({"models": await SHARED.ask(_known)}, headers=HEADERS)


@_guarded
async def _openapi(request: Request) -> JSONResponse:
    return JSONResponse(document(), headers=HEADERS)


def _predictions(asked: body.Asked) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Runs in a worker thread. Raises UserError for a run that is not there, or has no model yet."""
    # The server imports this file before Streamlit's runtime is there, which the caches want.
    from dashboard import cache

    run = load_run(asked.run)
    model, judge = cache.model(run), cache.judge((run,))
    answers = cache.import_late("engine.inference.predict").predict(model, [content for _, content in asked.images], asked.top)
    return [_prediction(name, one, judge) for (name, _), one in zip(asked.images, answers, strict=True)], model.meta.classes


def _prediction(name: str, answer: Any, judge: "Judge") -> dict[str, Any]:  # noqa: F821
    if answer.error:
        return {"name": name, "error": answer.error}
    far = float(judge.novelty(answer.features[None], np.array([answer.energy]))[0])
    verdict = judge.verdict(answer.probabilities, far)
    return {
        "name": name,
        "top": [{"class": label, "probability": round(value, _DIGITS)} for label, value in answer.top],
        "verdict": verdict.kind,
        "may_be": list(verdict.classes),
        "novelty": None if math.isnan(far) else round(far, 4),
    }


def _known() -> list[dict[str, Any]]:
    return [_described(run) for run in list_runs() if any((run.path / "checkpoints").glob("best-*"))]


def _described(run: Run) -> dict[str, Any]:
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
