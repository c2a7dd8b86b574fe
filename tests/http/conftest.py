"""A real server on a home with one finished run, and requests byte by byte."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What came back: the status (0 where the connection ended without one), headers in lower case, the body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    port: int
    pid: int
    home: Path
    run_id: str
    image: tuple[int, str]  # an image's id and content hash

    def send(self, *pieces: bytes, seconds: float = 60.0) -> Answer:
        """Send bytes as they are; the answer up to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            received = b""
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except ConnectionError:  # it answered and closed before all was sent
                pass
            try:
                while piece := connection.recv(1 << 16):
                    received += piece
                    if (
                        received.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in received
                    ):  # an open websocket: the server keeps the connection
                        break
            except ConnectionError:
                pass
        return _parsed(received)

    def ask(self, path: str, *headers: str, method: str = "GET", host: str | None = "localhost", body: bytes = b"") -> Answer:
        """One request with one Host header, or none, and further header lines."""
        lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
        lines += ["Connection: close"] if not any(line.startswith("Upgrade:") for line in headers) else []
        lines += [f"Content-Length: {len(body)}"] if body else []
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def addresses(self) -> dict[str, str]:
        """An address of every kind that gives something away, by its kind."""
        image, content = self.image
        return {
            "thumb": f"/thumb/scenes/{image}/{content}.jpg",
            "preview": f"/preview/scenes/{image}/{content}.jpg",
            "image": f"/image/scenes/{image}/{content}.jpg",
            "about": f"/about/scenes/{image}",
            "export": "/export/scenes.csv",
            "damaged": f"/damaged/scenes/{image}/{content}/blur-3-64.jpg",
            "mean": "/mean/scenes/generation/0.jpg",
            "looked": f"/looked/{self.run_id}/0123456789abcdef/0.jpg?class=sea",
            "asked": "/asked/0123456789abcdef/0.jpg",
            "seen": "/seen/0123456789abcdef/0.jpg",
            "collected": f"/collected/scenes/{content}.jpg",
            "handed": f"/handed/{self.run_id}/onnx",
            "activity": "/activity",
            "models": "/api/models",
            "openapi": "/api/openapi.json",
            "health": "/_stcore/health",
            "host-config": "/_stcore/host-config",
            "media": "/media/0123456789abcdef.jpg",
            "component": "/component/scenescope/index.html",
            "bidi-component": "/_stcore/bidi-components/scenescope/gallery.js",
            "upload": "/_stcore/upload_file/session/file",
            "page": "/",
            "deep link": "/explore",
        }


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    status = int(first.split()[1]) if first.startswith("HTTP/") else 0
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)


@pytest.fixture(scope="session")
def server(finished_session, tmp_path_factory: pytest.TempPathFactory, wait: Callable[..., object]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("http")
    home = shutil.copytree(finished_session.home, folder / "home")
    # The demo dataset would be painted beside the tests.
    shutil.copytree(home / "data" / "scenes", home / "data" / "demo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"server.headless": "true", "server.port": str(port), "server.disconnectedSessionTTL": "1"}
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", *(word for name, value in options.items() for word in (f"--{name}", value))],
            cwd=PROJECT, env={**os.environ, "SCENESCOPE_HOME": str(home)}, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        wait(lambda: _answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "server.log").read_text()
        with closing(sqlite3.connect(home / "data" / "scenes" / "catalog.sqlite")) as catalog:
            image = catalog.execute("SELECT id, hash FROM images WHERE state = 'ok' LIMIT 1").fetchone()
        yield Server(port, process.pid, home, finished_session.run_id, image)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert "Traceback" not in (folder / "server.log").read_text()


def _answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).status == 200
    except OSError:
        return False
