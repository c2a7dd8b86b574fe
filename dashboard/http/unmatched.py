"""404 and 405 below the dashboard's own addresses, where Streamlit would send its page instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from dashboard.http.api import guard
from dashboard.http.api.errors import ApiError


def unmatched_routes(routes: Sequence[Route]) -> list[Route]:
    """Routes for everything else below the first segments of `routes`' paths, to be added after them."""
    names = dict.fromkeys(route.path.split("/")[1] for route in routes)
    fallback = _Unmatched(tuple(routes))
    return [Route(path, fallback) for name in names for path in (f"/{name}", f"/{name}/{{rest:path}}")]


@dataclass(frozen=True)
class _Unmatched:
    """An ASGI application and not a function: Starlette would allow a function only GET and HEAD."""

    routes: tuple[Route, ...]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = allowed_methods(self.routes, scope["path"])
        respond = _api_response if scope["path"].split("/")[1] == "api" else _plain_response
        await respond(Request(scope), methods)(scope, receive, send)


def allowed_methods(routes: Sequence[Route], path: str) -> tuple[str, ...]:
    """The methods that the routes allow for a path; empty where there is no such path."""
    scope = {"type": "http", "path": path, "method": "", "root_path": ""}
    methods = {method for route in routes if route.matches(scope)[0] != Match.NONE for method in route.methods or ()}
    return tuple(sorted(methods | {"OPTIONS"})) if methods else ()


def _plain_response(request: Request, methods: tuple[str, ...]) -> Response:
    headers = {"Cache-Control": "no-store"}
    if not methods:
        return PlainTextResponse("There is no such page.", 404, headers)
    headers["Allow"] = ", ".join(methods)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return PlainTextResponse(f"{request.method} is not possible here, only {headers['Allow']}.", 405, headers)


def _api_response(request: Request, methods: tuple[str, ...]) -> Response:
    try:
        guard.check(request.headers, request.client.host if request.client else None)
    except ApiError as error:
        return error.response
    if not methods:
        return ApiError(404, "There is no such address.", "GET /api/openapi.json describes those that there are.").response
    allow = {"Allow": ", ".join(methods)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return ApiError(405, f"{request.method} is not possible here.", f"Use {allow['Allow']}.", allow).response
