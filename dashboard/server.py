"""The HTTP routes beside Streamlit's own, and what the server does when it starts."""

import contextlib
import importlib
import inspect
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from engine.data import adding
from engine.data.datasets import DEMO, dataset, datasets
from engine.data.images import ImageError
from engine.errors import UserError
from engine.thumbnails import FULL, PREVIEW, THUMBNAIL, jpeg

# The URL carries the content's hash: what it names never changes.
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_SIZES = {"thumb": THUMBNAIL, "preview": PREVIEW, "image": FULL}


def thumbnail_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/thumb/{dataset_name}/{image_id}/{content}.jpg"


def preview_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/preview/{dataset_name}/{image_id}/{content}.jpg"


def image_url(dataset_name: str, image_id: int, content: str | None) -> str:
    return f"/image/{dataset_name}/{image_id}/{content}.jpg"


def _picture(request: Request) -> Response:
    """An image by its id in the catalog; a path never comes from the URL. Runs in a worker thread."""
    name, image_id, content = (request.path_params[key] for key in ("dataset", "image_id", "content"))
    try:
        data = dataset(name)
        row = data.catalog.get(image_id)
        if row is None or row.hash is None or row.hash != content:
            return PlainTextResponse("There is no such image.", 404)
        return FileResponse(jpeg(row, data.root, _SIZES[request.url.path.split("/")[1]]), headers=_FOREVER)
    except (UserError, ImageError) as error:
        return PlainTextResponse(str(error), 404)
    except OverflowError:  # an id that no integer of SQLite holds
        return PlainTextResponse("There is no such image.", 404)


ROUTES = [Route(f"/{kind}/{{dataset}}/{{image_id:int}}/{{content}}.jpg", _picture, name=kind) for kind in _SIZES]


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict]:
    """Make the demo dataset in the background at the first start, so that it is there without a click."""
    # Every browser tab polls: one line a request would bury what matters.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    if not any(known.name == DEMO for known in datasets()):
        adding.start(DEMO)
    threading.Thread(target=_prepare_first_page, name="first-page", daemon=True).start()
    yield {}


def _prepare_first_page() -> None:
    """Do what the first script run would wait for, while the browser still loads Streamlit's own scripts."""
    importlib.import_module("dashboard.start")
    # Streamlit looks at the call stack once, for which `inspect` resolves the file of every module: it keeps the answers.
    inspect.stack()
