"""A limit on the size of a request's head (request line and headers) while it arrives."""

import functools
import importlib
from typing import Any

from dashboard.http.request_guard import HEADER_BYTES, URL_BYTES

_HEAD_BYTES = 2 * (HEADER_BYTES + URL_BYTES)  # twice the guard's limits: a head that is a little too large gets its explanation
_RESPONSE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def limit_request_heads() -> None:
    """Make uvicorn close a connection whose head grows beyond the limit.

    Why: of uvicorn's two parsers (0.54) only h11 limits the head. With httptools, which it prefers, a header of 20 MB or 100,000
    headers are held in memory before any application sees the request, so that `request_guard` comes too late. Streamlit 1.64 starts
    uvicorn itself, and offers no setting for the parser or its limits. So three methods of uvicorn's protocol class are wrapped.

    May go when uvicorn limits heads with httptools, or when Streamlit lets us choose h11.
    `test_a_head_without_an_end_is_not_collected` in tests/http/test_request_guard.py notices versions with which this no longer works.
    """
    try:
        protocol = importlib.import_module("uvicorn.protocols.http.httptools_impl").HttpToolsProtocol
    except ImportError:  # without httptools uvicorn uses h11, which has a limit of its own
        return
    if hasattr(protocol, "limits_heads"):  # wrapped already, by an earlier start of the application in this process
        return
    protocol.limits_heads = True
    protocol.data_received = _wrap_data_received(protocol.data_received)
    protocol.on_message_begin = _wrap_message_begin(protocol.on_message_begin)
    protocol.on_headers_complete = _wrap_headers_complete(protocol.on_headers_complete)


def _wrap_data_received(data_received: Any) -> Any:
    @functools.wraps(data_received)
    def wrapper(self: Any, data: bytes) -> None:
        # In pieces: a head may arrive in one chunk with megabytes of the body after it.
        for start in range(0, len(data), _HEAD_BYTES):
            piece = data[start : start + _HEAD_BYTES]
            if getattr(self, "head_bytes", 0) > _HEAD_BYTES:
                self.transport.write(_RESPONSE)
                self.transport.close()
                return
            # After a websocket's handshake the connection belongs to another protocol.
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            self.head_bytes = getattr(self, "head_bytes", 0) + len(piece)
            data_received(self, piece)
            # `reads_head` was set to False by on_headers_complete, which the parser calls inside of data_received.
            if not getattr(self, "reads_head", True):
                self.head_bytes = 0

    return wrapper


def _wrap_message_begin(on_message_begin: Any) -> Any:
    @functools.wraps(on_message_begin)
    def wrapper(self: Any) -> None:
        self.reads_head = True
        on_message_begin(self)

    return wrapper


def _wrap_headers_complete(on_headers_complete: Any) -> Any:
    @functools.wraps(on_headers_complete)
    def wrapper(self: Any) -> None:
        self.reads_head = False
        on_headers_complete(self)

    return wrapper
