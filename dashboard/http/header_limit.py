"""A bound on a request's head while it arrives."""

import functools
import importlib
from typing import Any

from dashboard.http.request_guard import HEADER_BYTES, URL_BYTES

_HEAD_BYTES = 2 * (HEADER_BYTES + URL_BYTES)  # what is a little too large gets an answer that says so
_ANSWER = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def limit_heads() -> None:
    """Make uvicorn's parser give up on a head that does not end.

    uvicorn 0.54 bounds the head with its parser h11 alone; with httptools, which it prefers, a header of 20 MB or 100,000 headers are
    held in memory before any application is asked. Streamlit 1.64 leaves no way to choose the parser or to give it a bound.
    """
    try:
        protocol = importlib.import_module("uvicorn.protocols.http.httptools_impl").HttpToolsProtocol
    except ImportError:  # without httptools uvicorn takes h11, which has its own bound
        return
    if hasattr(protocol, "limits_heads"):
        return
    protocol.limits_heads = True
    protocol.data_received = _limited(protocol.data_received)
    protocol.on_message_begin = _counting(protocol.on_message_begin)
    protocol.on_headers_complete = _ending(protocol.on_headers_complete)


def _limited(data_received: Any) -> Any:
    @functools.wraps(data_received)
    def wrapper(self: Any, data: bytes) -> None:
        # In pieces: a head may come together with megabytes of what follows it.
        for start in range(0, len(data), _HEAD_BYTES):
            piece = data[start : start + _HEAD_BYTES]
            if getattr(self, "head_bytes", 0) > _HEAD_BYTES:
                self.transport.write(_ANSWER)
                self.transport.close()
                return
            # A websocket's handshake gives the connection to another protocol.
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            self.head_bytes = getattr(self, "head_bytes", 0) + len(piece)
            data_received(self, piece)
            if not getattr(self, "reads_head", True):
                self.head_bytes = 0

    return wrapper


def _counting(on_message_begin: Any) -> Any:
    @functools.wraps(on_message_begin)
    def wrapper(self: Any) -> None:
        self.reads_head = True
        on_message_begin(self)

    return wrapper


def _ending(on_headers_complete: Any) -> Any:
    @functools.wraps(on_headers_complete)
    def wrapper(self: Any) -> None:
        self.reads_head = False
        on_headers_complete(self)

    return wrapper
