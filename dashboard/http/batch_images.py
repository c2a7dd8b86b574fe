"""The pictures of the Predict page over HTTP: what was asked about, and where a run looked in it."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.data.decoding import ImageError, load_square
from engine.data.thumbnails import load_file_thumbnail
from engine.inference import corrections
from engine.inference.batch.store import batch
from engine.inference.explain.methods import DEFAULT, method
from engine.runs.run import load_run

SIDE = 480  # pixels of the square that a person sees
# A batch's pictures do not change; those of a folder of the person's own may, which an hour may pass over.
_AN_HOUR = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
_ONCE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _asked(request: Request) -> Response:
    return _answer(lambda: load_file_thumbnail(_picture(request)))


def _seen(request: Request) -> Response:
    return _answer(lambda: _jpeg(load_square(_picture(request), SIDE)))


def _looked(request: Request) -> Response:
    """Runs in a worker thread: a map takes a tenth of a second and more, and a page asks for many."""

    from dashboard import cache  # which the server does not need to start

    def make() -> bytes:
        of, one = batch(request.path_params["batch"]), load_run(request.path_params["run"])
        name = request.query_params.get("class", "")
        if name not in one.classes:
            raise UserError(f"The run {one.id} knows no such class.")
        by = method(request.query_params.get("by", DEFAULT)).name
        heatmap = cache.batch_heatmap(one, of, request.path_params["number"], one.classes.index(name), by)
        # Each picture shows its own strongest place in full.
        scaled = Image.fromarray(heatmap / max(float(heatmap.max()), 1e-7)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        square = load_square(_picture(request), SIDE)
        return _jpeg(cache.import_late("engine.inference.explain.cam").overlay(square, np.asarray(scaled), 1.0))

    return _answer(make)


def _collected(request: Request) -> Response:
    name, content = request.path_params["dataset"], request.path_params["content"]
    return _answer(lambda: load_file_thumbnail(corrections.find(load_dataset(name), content).file))


def _picture(request: Request) -> Path:
    return batch(request.path_params["batch"]).picture(request.path_params["number"]).file


def _answer(make: Callable[[], bytes]) -> Response:
    try:
        return Response(make(), headers=_AN_HOUR, media_type="image/jpeg")
    except (UserError, ImageError) as error:
        reason = str(error)
        return PlainTextResponse(reason[:1].upper() + reason[1:], 404, _ONCE)


def _jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()


ROUTES = [
    Route("/asked/{batch}/{number:int}.jpg", _asked, name="asked"),
    Route("/seen/{batch}/{number:int}.jpg", _seen, name="seen"),
    Route("/looked/{run}/{batch}/{number:int}.jpg", _looked, name="looked"),
    Route("/collected/{dataset}/{content}.jpg", _collected, name="collected"),
]
