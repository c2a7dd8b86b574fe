"""What runs on this home, for the button in the top bar of every page; see `dashboard.app.activity`."""

from typing import TypedDict
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboard.app.formatting import plain
from engine.core.errors import UserError
from engine.runs.run import load_run
from engine.training import activity
from engine.training.activity import Activity

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class RowDocument(TypedDict):
    """A row of the list. `url`: the page on which it is watched."""

    name: str
    title: str
    state: str
    text: str
    share: float
    url: str


def _list(request: Request) -> Response:
    """Everything that is alive. Runs in a worker thread."""
    return JSONResponse([_row(one) for one in activity.list_activities()], headers=_HEADERS)


def _stop(request: Request) -> Response:
    """Stop what the parameter `name` names. Runs in a worker thread."""
    try:
        activity.stop(request.query_params.get("name", ""))
    except UserError as error:
        return PlainTextResponse(str(error), 404, _HEADERS)
    return Response(status_code=204, headers=_HEADERS)


def _row(one: Activity) -> RowDocument:
    page = "" if one.page == "start" else one.page
    url = f"/{page}?{urlencode(_address(one))}"
    return {
        "name": one.name, "title": plain(one.title), "state": one.state, "text": plain(one.progress.text(one.eta)),
        "share": one.share, "url": url,
    }  # fmt: skip


def _address(one: Activity) -> dict[str, str]:
    """The parameters with which the page shows what the activity works on."""
    address = {key: one.about[key] for key in ("dataset", "run") if key in one.about}
    if "run" in address:
        try:
            address["dataset"] = load_run(address["run"]).config.dataset
        except UserError:  # deleted since
            return {}
    return {**address, "show": "run"} if one.name.startswith("training/") else address


ROUTES = [Route("/activity", _list, name="activity"), Route("/activity/stop", _stop, methods=["POST"], name="activity-stop")]
