"""The HTTP routes beside Streamlit's own, and what the server does when it starts."""

import contextlib
import importlib
import inspect
import io
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.app.formatting import plain
from dashboard.app.gc_freeze import spare_lasting_objects
from dashboard.app.image_urls import thumbnail_url
from dashboard.components import live_chart, model_export
from dashboard.http import batch_images as asked
from dashboard.http.api import routes as api
from dashboard.http.header_limit import limit_heads
from dashboard.http.housekeeping import housekeeping
from dashboard.http.tcp_nodelay import send_at_once
from dashboard.http.unmatched import unmatched_routes
from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.data import add_job
from engine.data.datasets import DEMO, list_datasets, load_dataset
from engine.data.decoding import ImageError, load_square, read_content
from engine.data.export import csv_rows
from engine.data.filters import Filter
from engine.data.mean_images import compute_mean_image
from engine.data.properties import PROPERTIES
from engine.data.thumbnails import FULL, PREVIEW, THUMBNAIL, ChangedError, load_thumbnail, render_current
from engine.evaluation.robustness.corruptions import corrupt

# The URL carries the content's hash: what it names never changes.
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_ONCE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NOW = "now"  # in place of a hash: whatever the file holds
_SIZES = {"thumb": THUMBNAIL, "preview": PREVIEW, "image": FULL}


def _picture(request: Request) -> Response:
    """An image by its id in the catalog; a path never comes from the URL. Runs in a worker thread.

    What is not to be had is answered with the reason in words, which the gallery shows. Where the file holds another picture
    than was asked for, `Content-Location` names the present one.
    """
    name, image_id, content = (request.path_params[key] for key in ("dataset", "image_id", "content"))
    kind = request.url.path.split("/")[1]
    try:
        data = load_dataset(name)
        row = data.catalog.get(image_id)
        if row is None or row.hash is None:
            return _absent("There is no such image.")
        if content == _NOW:
            return Response(render_current(row, data.root, _SIZES[kind]), headers=_ONCE, media_type="image/jpeg")
        if content != row.hash:
            raise ChangedError("another picture is here now")
        return Response(load_thumbnail(row, data.root, _SIZES[kind]), headers=_FOREVER, media_type="image/jpeg")
    except ChangedError as error:
        return _absent(str(error), {"Content-Location": f"/{kind}/{name}/{image_id}/{_NOW}.jpg"})
    except (UserError, ImageError) as error:
        return _absent(str(error))
    except OverflowError:  # an id that no integer of SQLite holds
        return _absent("There is no such image.")


def _absent(reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(reason[:1].upper() + reason[1:], 404, {**_ONCE, **(headers or {})})


def _export(request: Request) -> Response:
    """The images that a filter leaves, as a CSV file. Runs in a worker thread."""
    name, query = request.path_params["dataset"], request.query_params
    by = query.get("by", "id")
    try:
        wanted, ignored = Filter.from_text(query.get("filter", ""))
        if ignored or by not in ("id", "path", *PROPERTIES):
            # A part that was left out would make the table larger than what was asked for.
            return PlainTextResponse(" ".join(ignored) or f"There is no order {by!r}.", 400)
        rows = csv_rows(load_dataset(name).catalog, wanted, by, query.get("descending") == "1")
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=disposition)


def _about(request: Request) -> Response:
    """What the map's hover card says of an image: its file's name and its thumbnail's address."""
    name, image_id = request.path_params["dataset"], request.path_params["image_id"]
    try:
        row = load_dataset(name).catalog.get(image_id)
    except (UserError, OverflowError):
        row = None
    if row is None or row.state != "ok":
        return JSONResponse({}, 404, _ONCE)
    return JSONResponse({"name": plain(row.path.rpartition("/")[2]), "src": thumbnail_url(name, row.id, row.hash)}, headers=_ONCE)


def _damaged(request: Request) -> Response:
    """An image as a network was asked about it under a damage, drawn when it is looked at. Runs in a worker thread."""
    name, image_id, content, damage, severity, size = (
        request.path_params[key] for key in ("dataset", "image_id", "content", "damage", "severity", "size")
    )
    try:
        data = load_dataset(name)
        row = data.catalog.get(image_id)
        if row is None or row.hash != content or not 16 <= size <= 1024:
            return _absent("There is no such image.")
        result = read_content(row.file(data.root))[0]
        if content_hash(result) != content:
            return _absent("The file has changed since.")
        square = corrupt(load_square(result, size), damage, severity, content)
    except (UserError, ImageError) as error:
        return _absent(str(error))
    except FileNotFoundError:
        return _absent("The file is gone.")
    except OSError as error:
        return _absent(f"The file cannot be read ({error.strerror}).")
    except OverflowError:  # an id that no integer of SQLite holds
        return _absent("There is no such image.")
    file = io.BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=95)
    return Response(file.getvalue(), headers=_FOREVER, media_type="image/jpeg")


def _mean(request: Request) -> Response:
    """The mean image of a class, made when it is first looked at. Runs in a worker thread."""
    name, generation, number = (request.path_params[key] for key in ("dataset", "generation", "number"))
    try:
        data = load_dataset(name)
        columns = data.catalog.columns()
        if columns.generation != generation or number >= len(columns.names):
            return _absent("The dataset has changed since.")
        mean = compute_mean_image(data, columns.names[number])
    except UserError as error:
        return _absent(str(error))
    if mean is None:
        return _absent("None of its images can be read.")
    file = io.BytesIO()
    Image.fromarray(mean.image).save(file, "JPEG", quality=92)
    return Response(file.getvalue(), headers=_FOREVER, media_type="image/jpeg")


_OWN = [
    *(Route(f"/{kind}/{{dataset}}/{{image_id:int}}/{{content}}.jpg", _picture, name=kind) for kind in _SIZES),
    Route("/about/{dataset}/{image_id:int}", _about, name="about"),
    Route("/export/{dataset}.csv", _export, name="export"),
    Route("/damaged/{dataset}/{image_id:int}/{content}/{damage:str}-{severity:int}-{size:int}.jpg", _damaged, name="damaged"),
    Route("/mean/{dataset}/{generation}/{number:int}.jpg", _mean, name="mean"),
    *api.ROUTES,
    *model_export.ROUTES,
    *asked.ROUTES,
    *live_chart.ROUTES,
]
ROUTES = [*_OWN, *unmatched_routes(_OWN)]


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict]:
    """Make the demo dataset in the background at the first start, so that it is there without a click."""
    # Every browser tab polls: one line a request would bury what matters.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    send_at_once()
    limit_heads()
    if not any(known.name == DEMO for known in list_datasets()):
        try:
            add_job.start(DEMO)
        except UserError as error:
            # A disk that cannot be written is a sentence in the server's log, and no reason not to show what there is.
            logging.getLogger(__name__).warning("%s", error)
    threading.Thread(target=_prepare_first_page, name="first-page", daemon=True).start()
    async with housekeeping():
        yield {}


def _prepare_first_page() -> None:
    """Do what the first script run would wait for, while the browser still loads Streamlit's own scripts."""
    importlib.import_module("dashboard.start.sections")
    # Streamlit looks at the call stack once, for which `inspect` resolves the file of every module: it keeps the answers.
    inspect.stack()
    spare_lasting_objects()
