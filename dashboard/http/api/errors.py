"""Errors of the API: a status, and a sentence in JSON."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ApiError(Exception):
    """Raised anywhere while a request is handled; `response` is sent to the caller."""

    def __init__(self, status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, dict(headers or {})

    @property
    def response(self) -> JSONResponse:
        body = {"error": self.error, **({"hint": self.hint} if self.hint else {})}
        return JSONResponse(body, self.status, {**HEADERS, **self.headers})
