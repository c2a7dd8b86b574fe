"""Answers that leave at once."""

import os
import socket

import psutil


def send_at_once() -> None:
    """Switch Nagle's algorithm off for the connections of every listening socket of this process, which inherit it.

    asyncio does so where a socket names its protocol; the one that Streamlit 1.64 binds does not, and the body of every answer,
    Streamlit's own scripts among them, waited 40 ms for the browser's delayed acknowledgement of the header.
    """
    for connection in psutil.Process().net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN:
            with socket.socket(fileno=os.dup(connection.fd)) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
