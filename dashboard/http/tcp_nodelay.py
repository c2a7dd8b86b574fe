"""Responses that are sent immediately."""

import os
import socket

import psutil


def disable_nagle() -> None:
    """Set TCP_NODELAY on every listening socket of this process; connections inherit it.

    Why: asyncio sets it only on sockets that were created with their protocol named. The one that Streamlit 1.64 binds was not, and the
    body of every response, Streamlit's own scripts included, waited 40 ms for the browser's delayed acknowledgement of the header.

    May go when Streamlit creates its socket with IPPROTO_TCP. tests/http/test_tcp_nodelay.py holds what this does, but not that it is
    still needed.
    """
    for connection in psutil.Process().net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN:
            with socket.socket(fileno=os.dup(connection.fd)) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
