"""Answers below the dashboard's own addresses that no route gives: 404 and 405, where Streamlit would send its page instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from dashboard.http.api import guard
from dashboard.http.api.refused import Refused


def unmatched_routes(routes: Sequence[Route]) -> list[Route]:
    """Routes for the rest of what lies below the first names of `routes`' paths, to be added after them."""
    names = dict.fromkeys(route.path.split("/")[1] for route in routes)
    rest = _Unmatched(tuple(routes))
    return [Route(path, rest) for name in names for path in (f"/{name}", f"/{name}/{{rest:path}}")]


@dataclass(frozen=True)
class _Unmatched:
    """An ASGI application, so that it is asked for every method."""

    routes: tuple[Route, ...]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = allowed_methods(self.routes, scope["path"])
        answer = _api_answer if scope["path"].split("/")[1] == "api" else _answer
        await answer(Request(scope), methods)(scope, receive, send)


def allowed_methods(routes: Sequence[Route], path: str) -> tuple[str, ...]:
    """The methods that some route allows for a path; empty where there is no such path."""
    scope = {"type": "http", "path": path, "method": "", "root_path": ""}
    result = {method for route in routes if route.matches(scope)[0] != Match.NONE for method in route.methods or ()}
    return tuple(sorted(result | {"OPTIONS"})) if result else ()


def _answer(request: Request, methods: tuple[str, ...]) -> Response:
    headers = {"Cache-Control": "no-store"}
    if not methods:
        return PlainTextResponse("There is no such page.", 404, headers)
    headers["Allow"] = ", ".join(methods)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return PlainTextResponse(f"{request.method} is not possible here, only {headers['Allow']}.", 405, headers)


def _api_answer(request: Request, methods: tuple[str, ...]) -> Response:
    try:
        guard.check(request.headers, request.client.host if request.client else None)
    except Refused as refused:
        return refused.response
    if not methods:
        return Refused(404, "There is no such address.", "GET /api/openapi.json describes those that there are.").response
    allow = {"Allow": ", ".join(methods)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return Refused(405, f"{request.method} is not possible here.", f"Use {allow['Allow']}.", allow).response
