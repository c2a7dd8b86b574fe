"""The HTTP routes beside Streamlit's own, and what the server does when it starts."""

import asyncio
import contextlib
import importlib
import inspect
import io
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.app.background import start_thread, stop_threads
from dashboard.app.formatting import plain
from dashboard.app.gc_freeze import spare_lasting_objects
from dashboard.app.image_urls import thumbnail_url
from dashboard.components import live_chart, model_export
from dashboard.http import activity, batch_images
from dashboard.http.api import routes as api_routes
from dashboard.http.header_limit import limit_request_heads
from dashboard.http.housekeeping import housekeeping
from dashboard.http.tcp_nodelay import disable_nagle
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

# The URL holds the content's hash, so that the response to a URL never changes.
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_ONCE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_CURRENT = "now"  # in place of a hash in a URL: the present content of the file
_SIZES = {"thumb": THUMBNAIL, "preview": PREVIEW, "image": FULL}


def _image(request: Request) -> Response:
    """An image by its id in the catalog; a path never comes from the URL. Runs in a worker thread.

    A 404 explains the reason in words, which the gallery shows. Where the file now has other content than the URL names,
    `Content-Location` is the URL of the present content.
    """
    name, image_id, content = (request.path_params[key] for key in ("dataset", "image_id", "content"))
    kind = request.url.path.split("/")[1]
    try:
        data = load_dataset(name)
        row = data.catalog.get(image_id)
        if row is None or row.hash is None:
            return _not_found("There is no such image.")
        if content == _CURRENT:
            return Response(render_current(row, data.root, _SIZES[kind]), headers=_ONCE, media_type="image/jpeg")
        if content != row.hash:
            raise ChangedError("the image was replaced by another")
        return Response(load_thumbnail(row, data.root, _SIZES[kind]), headers=_FOREVER, media_type="image/jpeg")
    except ChangedError as error:
        return _not_found(str(error), {"Content-Location": f"/{kind}/{name}/{image_id}/{_CURRENT}.jpg"})
    except (UserError, ImageError) as error:
        return _not_found(str(error))
    except OverflowError:  # an id that no integer of SQLite holds
        return _not_found("There is no such image.")


def _not_found(reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(reason[:1].upper() + reason[1:], 404, {**_ONCE, **(headers or {})})


def _export(request: Request) -> Response:
    """The images that match a filter, as a CSV file. Runs in a worker thread."""
    name, query = request.path_params["dataset"], request.query_params
    order = query.get("by", "id")
    try:
        conditions, ignored = Filter.from_text(query.get("filter", ""))
        if ignored or order not in ("id", "path", *PROPERTIES):
            # An ignored part of the filter would make the table larger than what was requested.
            return PlainTextResponse(" ".join(ignored) or f"There is no order {order!r}.", 400)
        rows = csv_rows(load_dataset(name).catalog, conditions, order, query.get("descending") == "1")
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=disposition)


def _about(request: Request) -> Response:
    """The content of the map's hover card: an image's file name and the URL of its thumbnail."""
    name, image_id = request.path_params["dataset"], request.path_params["image_id"]
    try:
        row = load_dataset(name).catalog.get(image_id)
    except (UserError, OverflowError):
        row = None
    if row is None or row.state != "ok":
        return JSONResponse({}, 404, _ONCE)
    return JSONResponse({"name": plain(row.path.rpartition("/")[2]), "src": thumbnail_url(name, row.id, row.hash)}, headers=_ONCE)


def _corrupted(request: Request) -> Response:
    """An image with a corruption, as a network sees it, computed on request. Runs in a worker thread."""
    name, image_id, content, corruption, severity, size = (
        request.path_params[key] for key in ("dataset", "image_id", "content", "damage", "severity", "size")
    )
    try:
        data = load_dataset(name)
        row = data.catalog.get(image_id)
        if row is None or row.hash != content or not 16 <= size <= 1024:
            return _not_found("There is no such image.")
        file_bytes = read_content(row.file(data.root))[0]
        if content_hash(file_bytes) != content:
            return _not_found("The file has changed since.")
        square = corrupt(load_square(file_bytes, size), corruption, severity, content)
    except (UserError, ImageError) as error:
        return _not_found(str(error))
    except FileNotFoundError:
        return _not_found("The file is gone.")
    except OSError as error:
        return _not_found(f"The file cannot be read ({error.strerror}).")
    except OverflowError:  # an id that no integer of SQLite holds
        return _not_found("There is no such image.")
    file = io.BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=95)
    return Response(file.getvalue(), headers=_FOREVER, media_type="image/jpeg")


def _mean(request: Request) -> Response:
    """The mean image of a class, computed at the first request. Runs in a worker thread."""
    name, generation, number = (request.path_params[key] for key in ("dataset", "generation", "number"))
    try:
        data = load_dataset(name)
        columns = data.catalog.columns()
        if columns.generation != generation or number >= len(columns.names):
            return _not_found("The dataset has changed since.")
        mean = compute_mean_image(data, columns.names[number])
    except UserError as error:
        return _not_found(str(error))
    if mean is None:
        return _not_found("None of its images can be read.")
    file = io.BytesIO()
    Image.fromarray(mean.image).save(file, "JPEG", quality=92)
    return Response(file.getvalue(), headers=_FOREVER, media_type="image/jpeg")


_OWN = [
    *(Route(f"/{kind}/{{dataset}}/{{image_id:int}}/{{content}}.jpg", _image, name=kind) for kind in _SIZES),
    Route("/about/{dataset}/{image_id:int}", _about, name="about"),
    Route("/export/{dataset}.csv", _export, name="export"),
    Route("/damaged/{dataset}/{image_id:int}/{content}/{damage:str}-{severity:int}-{size:int}.jpg", _corrupted, name="damaged"),
    Route("/mean/{dataset}/{generation}/{number:int}.jpg", _mean, name="mean"),
    *activity.ROUTES,
    *api_routes.ROUTES,
    *model_export.ROUTES,
    *batch_images.ROUTES,
    *live_chart.ROUTES,
]
ROUTES = [*_OWN, *unmatched_routes(_OWN)]


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncGenerator[dict[str, Any], None]:
    """Prepare the server, and create the demo dataset in the background at the first start, so that no click is needed."""
    # Every browser tab polls: one line per request would bury what matters.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    disable_nagle()
    limit_request_heads()
    if not any(data.name == DEMO for data in list_datasets()):
        try:
            add_job.start(DEMO)
        except UserError as error:
            # Without a writable disk the server still shows what there is.
            logging.getLogger(__name__).warning("%s", error)
    start_thread("first-page", lambda stopping: _prepare_first_page())
    try:
        async with housekeeping():
            yield {}
    finally:
        await asyncio.to_thread(stop_threads)


def _prepare_first_page() -> None:
    """Do the slow part of the first script run, while the browser still loads Streamlit's own scripts."""
    importlib.import_module("dashboard.start.sections")
    # Streamlit inspects the call stack in a script run, for which `inspect` resolves the file of every module, once: it caches the results.
    inspect.stack()
    spare_lasting_objects()
