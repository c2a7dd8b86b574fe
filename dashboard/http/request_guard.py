"""What every request must satisfy before any route sees it, Streamlit's own routes and websockets included.

A web page that someone visits can send requests to this computer (cross-site requests), and can point a host name of its own at this
computer's address (DNS rebinding). Browsers report both, and pages cannot forge the reports: the host name in `Host`, the page in
`Origin` and `Sec-Fetch-Site`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER_BYTES, HEADER_COUNT = 64 << 10, 100
URL_BYTES = 16 << 10
SEGMENT_BYTES = 255  # the longest name that a file can have: a longer segment cannot name anything here
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:(?P<port>[0-9]{1,5}))?")
# Streamlit's page looks for its server below its own address first, as in /explore/_stcore/health (1.64).
_BELOW_A_PAGE = re.compile(r"/.+/_stcore/(health|host-config)")
_SECURITY_HEADERS = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
_SAFE_METHODS = ("GET", "HEAD")


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused."""

    status: int
    error: str
    hint: str = ""


class RequestGuard:
    """ASGI middleware: refuses requests that break a rule, and adds the headers that keep other sites from embedding responses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = check(scope)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif _BELOW_A_PAGE.fullmatch(scope["path"]):
            await _point_to_root(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, _with_headers(send))


def check(scope: Scope) -> Refusal | None:
    """The refusal by the first rule that a request breaks; None where it is allowed."""
    headers = scope["headers"]
    return _check_size(scope) or _check_host([value for name, value in headers if name == b"host"]) or _check_site(scope)


def host_name(host: str) -> str | None:
    """The name in a Host header in lower case, without port and brackets; None where the header is not well formed."""
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 0) > 65535:
        return None
    return match["name"].lower().strip("[]").rstrip(".") or None


def is_allowed(name: str, allowed: Iterable[str]) -> bool:
    """Whether a host name matches `server.allowedHosts`: exact names, `*.example.org`, or `*`; an empty list allows every name."""
    patterns = [pattern.strip().lower().strip("[]").rstrip(".") for pattern in allowed]
    return not patterns or any(
        pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:])) for pattern in patterns
    )


def _check_size(scope: Scope) -> Refusal | None:
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > HEADER_COUNT or sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES:
        return Refusal(431, f"The headers are too large: the limits are {HEADER_COUNT} headers and {HEADER_BYTES >> 10} kB.")
    path = scope.get("raw_path") or scope["path"].encode()
    if len(path) + len(scope.get("query_string", b"")) > URL_BYTES:
        return Refusal(414, f"The address is too long: the limit is {URL_BYTES >> 10} kB.")
    if any(len(segment.encode("utf-8", "surrogatepass")) > SEGMENT_BYTES for segment in scope["path"].split("/")):
        return Refusal(404, "There is no such page.", f"A name in an address has at most {SEGMENT_BYTES} bytes.")
    return None


def _check_host(hosts: Sequence[bytes]) -> Refusal | None:
    if len(hosts) != 1:
        return Refusal(400, f"A request needs exactly one Host header (got {len(hosts)}).")
    name = host_name(hosts[0].decode("latin-1"))
    if name is None:
        return Refusal(400, "The Host header is not a name with an optional port.")
    if not is_allowed(name, st.get_option("server.allowedHosts") or ()):
        return Refusal(
            403, "This server does not answer to the name in the Host header.",
            "Open http://localhost, or add the name to server.allowedHosts in .streamlit/config.toml.",
        )  # fmt: skip
    return None


def _check_site(scope: Scope) -> Refusal | None:
    """Refuse the requests of another site's pages, except for a link that opens a page here in their place."""
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    refusal = Refusal(
        403, "Requests from pages of other sites are refused.", "Open it in a tab of its own, or ask from a program."
    )
    if origin is not None:
        return None if _is_own(origin, headers["host"]) else refusal
    navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if site in ("none", "same-origin") or navigates and scope.get("method") in _SAFE_METHODS:
        return None
    return refusal


def _is_own(origin: str, host: str) -> bool:
    """Whether an Origin is this server's, or one that `server.corsAllowedOrigins` lists."""
    if origin in (st.get_option("server.corsAllowedOrigins") or ()):
        return True
    try:
        parts = urlsplit(origin)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return False
    # A proxy may accept https and forward it here as http: the scheme proves nothing, and the proxy's own port may be missing.
    name, separator, host_port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    same_port = port == int(host_port) if separator else port in (80, 443)
    return parts.netloc.lower() == host.lower() or same_port and parts.hostname == host_name(name if separator else host)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        # A server without this extension cannot send another status before the handshake: closing it sends a 403.
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.error})
        return
    # The rest of the request is not read, so the connection has to end with the response.
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    response: Response
    if scope["path"].split("/")[1:2] == ["api"]:
        hint = {"hint": refusal.hint} if refusal.hint else {}
        response = JSONResponse({"error": refusal.error, **hint}, refusal.status, headers)
    else:
        response = PlainTextResponse(f"{refusal.error} {refusal.hint}".strip(), refusal.status, headers)
    await response(scope, receive, _with_headers(send))


async def _point_to_root(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer Streamlit's probe below a page so that it goes on to the server's real address.

    A success would make it take the page's own address for the server's. It understands a 404 too, but the browser reports that as an
    error in its console whenever a page is loaded by its address. A 300 without a Location header is neither.
    """
    path = scope["path"][scope["path"].rindex("/_stcore/") :]
    await JSONResponse({"see": path}, 300, {"Cache-Control": "no-store"})(scope, receive, send)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [
                (name.lower().encode(), value.encode())
                for name, value in _SECURITY_HEADERS.items()
                if name.lower().encode() not in present
            ]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_with_headers
