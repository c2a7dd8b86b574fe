"""`make measure`: the times that a person waits for, in a real browser, as one JSON document.

It starts its own server in a temporary home. Nothing else should be computing on the machine.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
_PAINTED = """async () => {
    const images = () => [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [...e.shadowRoot.querySelectorAll('.tile img')] : [])
    const seen = images().filter(i => i.getBoundingClientRect().top < innerHeight)
    return seen.length > 0 && seen.every(i => i.complete && i.naturalWidth > 0) ? seen.map(i => i.src).join() : ''
}"""

# The widest of the page's sheets.
_GRID = """() => {
    const sheets = [...document.querySelectorAll('[data-testid=stImage] img')].filter(i => i.complete && i.naturalWidth > 600)
    return sheets.length > 0 ? sheets[0].src : ''
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "SCENESCOPE_HOME": home}
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "engine", "data", "add", "demo"], cwd=PROJECT, env=environment, check=True, stdout=2
        )
        figures = {"demo_dataset_seconds": round(time.monotonic() - began, 1)}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto("about:blank")  # the browser's own start is not the app's
            figures |= _with_server(page, environment)
            browser.close()
    print(json.dumps(figures, indent=1))  # noqa: T201


def _with_server(page: Page, environment: dict[str, str]) -> dict:
    port = _free_port()
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "--server.headless", "true", "--server.port", str(port)],
        cwd=PROJECT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return _walk(page, f"http://127.0.0.1:{port}", began, psutil.Process(server.pid), Path(environment["SCENESCOPE_HOME"]))
    finally:
        # A server that still talks to the browser may take its time to leave.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _walk(page: Page, address: str, began: float, server: psutil.Process, home: Path) -> dict:
    _wait_for_port(address)
    page.goto(address)
    button = page.get_by_role("button", name="Train a first model")
    button.wait_for()
    figures: dict = {"start_to_usable_page_seconds": round(time.monotonic() - began, 2)}
    figures |= _thumbnails(address, home)
    figures |= _gallery(page, address)
    figures["server_memory_mb_without_model"] = round(server.memory_info().rss / 2**20)
    page.goto(address)
    button.wait_for()
    clicked = time.monotonic()
    button.click()
    page.get_by_role("link", name="See where it goes wrong").click(timeout=300_000)
    page.get_by_text("test images are wrong").wait_for()
    figures["demo_train_to_evaluation_seconds"] = round(time.monotonic() - clicked, 1)
    return figures | _augment(page, address)


def _augment(page: Page, address: str) -> dict:
    """Milliseconds from a key on a slider until the 4 x 4 grid of draws at 224 pixels is painted."""
    page.goto(f"{address}/augment?dataset=demo&pipeline=crop:smallest=0.3/flip@0.5/colour/blur:sigma=0.01")
    page.wait_for_function(f"() => ({_GRID})()")
    page.wait_for_timeout(2000)
    times = []
    for _ in range(16):
        before = page.evaluate(_GRID)
        page.get_by_role("slider").nth(1).focus()
        began = time.monotonic()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"before => {{ const now = ({_GRID})(); return now && now !== before }}", arg=before)
        times.append(round(1000 * (time.monotonic() - began)))
        page.wait_for_timeout(500)
    later = times[1:]
    return {"augment_change_ms": {"first": times[0], "median": statistics.median(later), "worst": max(later), "n": len(later)}}


def _gallery(page: Page, address: str) -> dict:
    """Milliseconds from the click on another page of 60 images, all cold, until those on screen are painted."""
    page.goto(f"{address}/explore")
    page.wait_for_function(_PAINTED)
    page.locator(".js-plotly-plot .main-svg").nth(1).wait_for()
    page.wait_for_timeout(2000)
    times = []
    for _ in range(19):
        before = page.evaluate(_PAINTED)
        began = time.monotonic()
        page.get_by_role("button", name="Next page").click()
        page.wait_for_function(
            f"async before => {{ const now = await ({_PAINTED})(); return now && now !== before }}", arg=before
        )
        times.append(round(1000 * (time.monotonic() - began)))
    # The first turn is apart: the browser compiles what it calls for the first time.
    later = times[1:]
    return {
        "gallery_first_turn_ms": times[0],
        "gallery_page_ms": {"median": statistics.median(later), "worst": max(later), "n": len(later)},
    }


def _thumbnails(address: str, home: Path) -> dict:
    """Milliseconds that the server takes for a page of 60 pictures that nobody has asked for, over the browser's six connections."""
    with contextlib.closing(sqlite3.connect(home / "data" / "demo" / "catalog.sqlite")) as catalog:
        images = catalog.execute("SELECT id, hash FROM images WHERE state = 'ok' ORDER BY id DESC LIMIT 306").fetchall()
    mine = threading.local()

    def fetch(image: tuple[int, str]) -> None:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection(address.removeprefix("http://"))
        mine.connection.request("GET", "/thumb/demo/{}/{}.jpg".format(*image))
        answer = mine.connection.getresponse()
        assert (answer.status, answer.read()[:2]) == (200, b"\xff\xd8")

    with ThreadPoolExecutor(6) as browser:
        list(browser.map(fetch, images[:6]))
        times = []
        for first in range(6, 306, 60):
            began = time.monotonic()
            list(browser.map(fetch, images[first : first + 60]))
            times.append(round(1000 * (time.monotonic() - began)))
    return {"thumbnails_of_a_page_cold_ms": {"median": statistics.median(times), "worst": max(times), "n": len(times)}}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health").read()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("The server did not answer within 15 s.")


def _chromium() -> str:
    from shutil import which

    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(path for path in map(which, names) if path)


if __name__ == "__main__":
    main()
