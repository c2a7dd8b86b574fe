"""Who may use the API: programs on this computer; remote ones with the token; no web page of another site.

A page can make a person's browser send requests to this computer (cross-site requests), and can point a host name of its own at this
computer's address (DNS rebinding). `Sec-Fetch-Site` and `Origin`, which browsers always send and pages cannot forge, reveal the first;
the name in `Host` reveals the second.
"""

import hmac
import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from dashboard.http.api.errors import ApiError

TOKEN = "SCENESCOPE_API_TOKEN"  # noqa: S105 (the variable's name)
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Headers that a proxy adds: then the caller is remote, although the connection is local.
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")


def check(headers: Mapping[str, str], client: str | None) -> None:
    """Raises ApiError (401, 403) unless the request is allowed. `headers`: names in lower case; `client`: the caller's address."""
    _check_site(headers)
    token = os.environ.get(TOKEN, "")
    if token:
        _check_token(token, headers.get("authorization", ""))
        return
    if not (is_loopback(st.get_option("server.address")) and is_loopback(client)) or any(
        name in headers for name in _PROXY_HEADERS
    ):
        raise ApiError(
            403,
            "The API is disabled for remote clients.",
            f"Set {TOKEN} where the server is started, and send it as a bearer token.",
        )
    if _host_name(headers.get("host", "")) not in _LOCAL_NAMES:
        raise ApiError(403, "This host name is not one of this computer's.", "Ask http://localhost or http://127.0.0.1.")


def is_loopback(address: str | None) -> bool:
    """Whether an address that the server binds, or a caller has, is this computer's own. A bound None means every address: False."""
    if address in _LOCAL_NAMES:
        return True
    try:
        parsed = ipaddress.ip_address((address or "").strip("[]"))
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _check_site(headers: Mapping[str, str]) -> None:
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    if site not in ("none", "same-origin") or (origin is not None and urlsplit(origin).netloc != headers.get("host")):
        raise ApiError(403, "Cross-site requests are refused.", "Send the request from a program instead of a web page.")


def _check_token(token: str, authorization: str) -> None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(credentials.strip().encode(), token.encode()):
        raise ApiError(
            401, "The token is missing or wrong.", "Send the header Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
        )


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
