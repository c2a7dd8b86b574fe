"""The server's answers do not wait for the browser to acknowledge the ones before."""

import socket

from dashboard.http.tcp_nodelay import disable_nagle


def test_connections_of_a_socket_that_names_no_protocol_send_at_once() -> None:
    with socket.socket(socket.AF_INET) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        disable_nagle()
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
