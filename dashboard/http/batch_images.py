"""The images of the Predict page over HTTP: a batch's images, heatmaps over them, and corrections."""

import io
import re
from collections.abc import Callable

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.data.decoding import ImageError
from engine.data.thumbnails import load_file_thumbnail
from engine.inference import corrections
from engine.inference.batch.store import BatchImage, load_batch
from engine.inference.explain.methods import DEFAULT, find_method
from engine.runs.run import load_run

_DEFAULT_SIZE = 224
# A batch's images do not change. The files of a person's own folder may, and then the browser shows the old ones for an hour.
_AN_HOUR = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
_ONCE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _thumbnail(request: Request) -> Response:
    return _respond(lambda: load_file_thumbnail(_image(request).file))


def _network_input(request: Request) -> Response:
    from dashboard import cache  # not at the top: the server starts sooner without it

    return _respond(lambda: _encode_jpeg(cache.upload_squares(_image(request), _input_size(request)).display))


def _heatmap(request: Request) -> Response:
    """The heatmap of a class. Runs in a worker thread: it takes a tenth of a second or more, and a page requests many."""
    from dashboard import cache  # not at the top: the server starts sooner without it

    def make() -> bytes:
        images, run = load_batch(request.path_params["batch"]), load_run(request.path_params["run"])
        name = request.query_params.get("class", "")
        if name not in run.classes:
            raise UserError(f"The run {run.id} has no such class.")
        explanation = find_method(request.query_params.get("by", DEFAULT)).name
        heatmap = cache.batch_heatmap(run, images, request.path_params["number"], run.classes.index(name), explanation)
        # Relative to the image's own maximum, so that each image shows its strongest place in full colour.
        square = cache.upload_squares(_image(request), run.config.image_size).display
        scaled = Image.fromarray(heatmap / max(float(heatmap.max()), 1e-7)).resize(square.shape[:2], Image.Resampling.BICUBIC)
        with cache.IMPORT_LOCK:
            from engine.inference.explain.cam import overlay
        return _encode_jpeg(overlay(square, np.asarray(scaled), 1.0))

    return _respond(make)


def _correction(request: Request) -> Response:
    name, content = request.path_params["dataset"], request.path_params["content"]
    return _respond(lambda: load_file_thumbnail(corrections.find_correction(load_dataset(name), content).file))


def _input_size(request: Request) -> int:
    """The size of the network's input, for which the image has been decoded already; any other size where the address names none."""
    text = request.query_params.get("size", "")
    return int(text) if re.fullmatch(r"\d{2,3}|10[01]\d|102[0-4]", text) else _DEFAULT_SIZE


def _image(request: Request) -> BatchImage:
    return load_batch(request.path_params["batch"]).image(request.path_params["number"])


def _respond(make: Callable[[], bytes]) -> Response:
    """The JPEG that `make` returns; 404 with the reason where it raises an error of the user's or the image's."""
    try:
        return Response(make(), headers=_AN_HOUR, media_type="image/jpeg")
    except (UserError, ImageError) as error:
        reason = str(error)
        return PlainTextResponse(reason[:1].upper() + reason[1:], 404, _ONCE)


def _encode_jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()


ROUTES = [
    Route("/asked/{batch}/{number:int}.jpg", _thumbnail, name="asked"),
    Route("/seen/{batch}/{number:int}.jpg", _network_input, name="seen"),
    Route("/looked/{run}/{batch}/{number:int}.jpg", _heatmap, name="looked"),
    Route("/collected/{dataset}/{content}.jpg", _correction, name="collected"),
]
