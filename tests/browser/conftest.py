"""A real server and a real Chromium: `server` runs the app in a home of its own, `tab` is a page that must not fail."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from driven import Tab
from grid import Grid, mount_grid
from playwright.sync_api import Browser, sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@dataclass(frozen=True)
class Server:
    url: str
    home: Path

    def runs(self) -> list[Path]:
        """The run directories, in the order of their making."""
        configurations = sorted(self.home.glob("runs/*/config.json"), key=lambda file: file.stat().st_mtime)
        return [file.parent for file in configurations]

    def status(self, run: Path) -> str:
        return json.loads((run / "status.json").read_text())["state"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    result = next(filter(None, map(shutil.which, NAMES)), None) or next((a for a in APPLICATIONS if Path(a).exists()), None)
    if result is None:
        sentence = "No Chrome or Chromium was found: `make browser` gets one on Debian."
        pytest.fail(sentence) if os.environ.get("CI") == "true" else pytest.skip(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=result, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(browser: Browser) -> Iterator[Server]:
    """`streamlit run` as a person starts it, on a free port, in an empty home; ended with all that it started."""
    # A short path: the Explore page shows it, and the README shows the page.
    folder = Path(tempfile.mkdtemp(prefix="scenescope-")).resolve()
    home, output, port = folder / "home", folder / "server.log", _free_port()
    log = open(output, "wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "--server.headless", "true", "--server.port", str(port)],
        cwd=PROJECT, env={**os.environ, "SCENESCOPE_HOME": str(home)}, stdin=subprocess.DEVNULL, stdout=log,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/_stcore/health") or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield Server(f"http://127.0.0.1:{port}", home)
        assert process.poll() is None, "the server ended during the tests"
    finally:
        _end(process)
        _end_processes_of(home)
        log.close()
        text = output.read_text()
        shutil.rmtree(folder, ignore_errors=True)
    assert "Traceback" not in text, text


@pytest.fixture(scope="session")
def trained(server: Server) -> Path:
    """The directory of the run on the demo dataset that the journey trains; trained here where a test is run alone."""
    _wait((server.home / "data" / "demo" / "dataset.json").is_file)
    if not server.runs():
        command = [sys.executable, "-m", "engine", "train", "--dataset", "demo"]
        subprocess.run(command, cwd=PROJECT, env={**os.environ, "SCENESCOPE_HOME": str(server.home)}, check=True, timeout=240)
    run = server.runs()[0]
    _wait(lambda: server.status(run) == "finished", 120)
    return run


@pytest.fixture
def open_tab(browser: Browser, server: Server) -> Iterator[Callable[..., Tab]]:
    """open_tab(width=, height=, dark=): a tab in a window of its own; at the end, no tab may have seen an error."""
    opened: list[Tab] = []

    def open(width: int = 1440, height: int = 900, dark: bool = False, touch: bool = False) -> Tab:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", has_touch=touch
        )
        opened.append(Tab(context.new_page(), server.url))
        return opened[-1]

    yield open
    for tab in opened:
        tab.page.context.close()
    assert [complaint for tab in opened for complaint in tab.complaints] == []


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    return open_tab()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where the README's pictures go."""
    folder = Path(os.environ.get("SCENESCOPE_SCREENSHOTS") or PROJECT / "test-output")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except (urllib.error.URLError, TimeoutError):
        return False


def _wait(condition: Callable[[], object], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        pass


def _end_processes_of(home: Path) -> None:
    """Runs and imports outlive the server: each is in a session of its own, and holds a lease in this home."""
    from engine.core.lease import holder

    for lease in [*home.glob("runs/*/lease"), *home.glob("data/.adding/*.lease")]:
        if process := holder(lease):
            process.kill()
            process.wait(10)


@pytest.fixture
def open_grid(browser: Browser) -> Iterator[Callable[..., Grid]]:
    contexts = []

    def open(**settings: object) -> Grid:
        contexts.append(browser.new_context(**{"viewport": {"width": 900, "height": 700}} | settings))
        return mount_grid(contexts[-1].new_page())

    yield open
    for context in contexts:
        context.close()


@pytest.fixture
def grid(open_grid) -> Grid:
    """Twelve tiles, five in a row."""
    return open_grid().draw()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The newcomer's journey comes first: it begins where nothing has been trained yet, and the server is everybody's."""
    items.sort(key=lambda item: "test_journey" not in item.nodeid)
