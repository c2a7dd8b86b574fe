"""Who may ask: programs on this computer; elsewhere, those that know the token; no web page of another site.

A page in a browser can make it send requests to this computer without knowing (cross-site posts), and can give a name of its own
this computer's address (DNS rebinding). `Sec-Fetch-Site` and `Origin`, which browsers always send and pages cannot forge, tell the
first; the name in `Host` the second.
"""

import hmac
import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from dashboard.http.api.refused import Refused

TOKEN = "SCENESCOPE_API_TOKEN"  # noqa: S105 (the variable's name)
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# What a proxy adds: the caller is then not on this computer, though the connection is.
_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip")


def check(headers: Mapping[str, str], client: str | None) -> None:
    """Raises Refused (401, 403) unless the request may be answered. `headers`: names in lower case; `client`: the caller's address."""
    _not_from_another_site(headers)
    token = os.environ.get(TOKEN, "")
    if token:
        _knows(token, headers.get("authorization", ""))
        return
    if not (is_loopback(st.get_option("server.address")) and is_loopback(client)) or any(name in headers for name in _PROXIED):
        raise Refused(
            403,
            "The API is disabled for remote clients.",
            f"Set {TOKEN} where the server is started, and send it as a bearer token.",
        )
    if _host_name(headers.get("host", "")) not in _LOCAL_NAMES:
        raise Refused(403, "This host name is not one of this computer's.", "Ask http://localhost or http://127.0.0.1.")


def is_loopback(address: str | None) -> bool:
    """Whether an address that is bound, or asks, is this computer's own; None is every address."""
    if address in _LOCAL_NAMES:
        return True
    try:
        result = ipaddress.ip_address((address or "").strip("[]"))
    except ValueError:
        return False
    return (getattr(result, "ipv4_mapped", None) or result).is_loopback


def _not_from_another_site(headers: Mapping[str, str]) -> None:
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    if site not in ("none", "same-origin") or (origin is not None and urlsplit(origin).netloc != headers.get("host")):
        raise Refused(403, "Cross-site requests are refused.", "Send the request from a program instead of a web page.")


def _knows(token: str, authorization: str) -> None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise Refused(
            401, "The token is missing or wrong.", "Send the header Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
        )


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
