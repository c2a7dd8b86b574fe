"""Errors of the API: a status, and a sentence in JSON."""

from collections.abc import Mapping
from typing import Literal

from starlette.responses import JSONResponse

from dashboard.http.api.documents import Error

Status = Literal[400, 401, 403, 404, 405, 413, 415, 422, 503, 504]
MEANINGS: dict[Status, str] = {
    400: "The body is not a multipart form.",
    401: "The token is missing or wrong.",
    403: "The request came from a web page of another site, under another host name, or from a remote client while no token is set.",
    404: "There is no such run, or it has no model yet.",
    405: "This method is not possible here.",
    413: "An image, the request or the number of images is too large.",
    415: "The body is not multipart/form-data.",
    422: "A field is missing or wrong, or none of the images can be read.",
    503: "Too many requests are waiting. Retry-After says when to try again.",
    504: "The answer took too long.",
}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ApiError(Exception):
    """Raised anywhere while a request is handled; `response` is sent to the caller."""

    def __init__(self, status: Status, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, dict(headers or {})

    @property
    def response(self) -> JSONResponse:
        document: Error = {"error": self.error, "hint": self.hint} if self.hint else {"error": self.error}
        return JSONResponse(document, self.status, {**HEADERS, **self.headers})
