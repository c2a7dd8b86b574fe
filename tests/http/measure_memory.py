"""`make measure-memory`: what one server holds while many sessions walk through its pages.

It drives N sessions over websockets for M minutes and writes memory, threads, open files, sockets and zombies over time to
`test-output/memory.csv` and `memory.svg`; the last line says how much the second half grew. Without `--home` it makes a home of
its own with the demo dataset and one trained run.
"""

import argparse
import asyncio
import csv
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import psutil
from websocket_session import Session, session

PROJECT = Path(__file__).resolve().parents[2]
_SAMPLE_SECONDS = 5.0
_PICTURES_PER_VISIT = 24
_COLUMNS = ("seconds", "rss_mb", "private_mb", "threads", "files", "sockets", "zombies", "sessions_opened", "reruns", "failures")
_VISITS = (
    ("explore", "question={}", ("there", "look", "differ", "alike")),
    ("evaluate", "ask={}", ("errors", "pairs", "trust", "slices", "learnt", "breaks")),
    ("predict", "", ("",)),
    ("clean", "clean={}", ("one", "many", "helped", "decided")),
)


class Totals:
    """What all sessions did together."""

    def __init__(self) -> None:
        self.opened = self.reruns = 0
        self.failures: list[str] = []


def main() -> None:
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scenescope-memory-") as folder:
        home = options.home or _own_home(Path(folder))
        server, port = _start_server(home)
        try:
            rows, totals = asyncio.run(_measure(psutil.Process(server.pid), port, home, options))
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)
    _write_csv(options.output / "memory.csv", rows)
    (options.output / "memory.svg").write_text(_drawing(rows), encoding="utf-8")
    for failure in totals.failures[:10]:
        print("FAILED", failure, file=sys.stderr)  # noqa: T201
    print(json.dumps(_summary(rows, options)))  # noqa: T201


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--home", type=Path, help="a home with datasets and runs; it is written to")
    parser.add_argument("--output", type=Path, default=PROJECT / "test-output")
    parser.add_argument("--dwell", type=float, default=8.0, help="seconds that a session looks at a page, on average")
    return parser.parse_args()


def _own_home(folder: Path) -> Path:
    environment = {**os.environ, "SCENESCOPE_HOME": str(folder)}
    for arguments in (["data", "add", "demo"], ["train", "--dataset", "demo"]):
        subprocess.run([sys.executable, "-m", "engine", *arguments], cwd=PROJECT, env=environment, check=True, stdout=sys.stderr)
    return folder


def _start_server(home: Path) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "--server.headless", "true", "--server.port", str(port)],
        cwd=PROJECT, env={**os.environ, "SCENESCOPE_HOME": str(home)}, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").read()
            return server, port
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("The server did not answer within two minutes.")


async def _measure(
    server: psutil.Process, port: int, home: Path, options: argparse.Namespace
) -> tuple[list[tuple[float, ...]], Totals]:
    totals, rows, began = Totals(), [], time.monotonic()
    until = began + 60 * options.minutes
    choices = _choices(home)
    people = [asyncio.create_task(_person(port, seed, until, choices, options.dwell, totals)) for seed in range(options.sessions)]
    while time.monotonic() < until:
        rows.append((round(time.monotonic() - began, 1), *_held(server), totals.opened, totals.reruns, len(totals.failures)))
        await asyncio.sleep(_SAMPLE_SECONDS)
    for person in people:
        person.cancel()
    await asyncio.gather(*people, return_exceptions=True)
    return rows, totals


def _choices(home: Path) -> list[str]:
    """Addresses' beginnings: each run with its dataset."""
    runs = sorted(home.glob("runs/*/config.json"))
    datasets = [json.loads(file.read_text())["config"]["dataset"] for file in runs]
    return [f"dataset={name}&run={file.parent.name}" for file, name in zip(runs, datasets, strict=True)] or ["dataset=demo"]


async def _person(port: int, seed: int, until: float, choices: Sequence[str], dwell: float, totals: Totals) -> None:
    """Walk through the pages in tabs that are closed after a few visits, as people do."""
    chance = random.Random(seed)
    await asyncio.sleep(chance.uniform(0, dwell))
    while time.monotonic() < until:
        try:
            async with session(port, chance.randrange(1 << 30)) as tab:
                totals.opened += 1
                await _visit_pages(tab, port, chance, choices, dwell, totals)
        except Exception as error:
            totals.failures.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(1)


async def _visit_pages(
    tab: Session, port: int, chance: random.Random, choices: Sequence[str], dwell: float, totals: Totals
) -> None:
    for number, (page, query, questions) in enumerate(chance.choices(_VISITS, k=8)):
        before = tab.reruns
        # The first address chooses; later ones are what a click on a link gives.
        beginning = chance.choice(choices) if number == 0 else ""
        await tab.open_page(page, "&".join(filter(None, (beginning, query.format(chance.choice(questions))))))
        for _ in range(3):
            await asyncio.to_thread(_fetch, port, tab.pictures, chance.randrange(1 << 30))
            tab.pictures.clear()
            await tab.dwell(chance.uniform(0, dwell))
            await tab.change_widget()
        totals.reruns += tab.reruns - before
        totals.failures += tab.failures
        tab.failures.clear()


def _fetch(port: int, pictures: set[str], seed: int) -> None:
    """Load some of the pictures that a page names, over one connection."""
    names = sorted(pictures)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for name in random.Random(seed).sample(names, min(len(names), _PICTURES_PER_VISIT)):
        connection.request("GET", name)
        connection.getresponse().read()
    connection.close()


def _held(server: psutil.Process) -> tuple[float, ...]:
    memory, zombies = server.memory_full_info(), 0
    for child in server.children():
        try:
            zombies += child.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            continue
    sockets = len(server.net_connections())
    return (round(memory.rss / 2**20, 1), round(memory.uss / 2**20, 1), server.num_threads(), server.num_fds(), sockets, zombies)


def _write_csv(file: Path, rows: Sequence[tuple[float, ...]]) -> None:
    with open(file, "w", newline="", encoding="utf-8") as output:
        csv.writer(output).writerows([_COLUMNS, *rows])


def _drawing(rows: Sequence[tuple[float, ...]], width: int = 900, height: int = 160) -> str:
    """One line chart per column over time, as SVG."""
    charts, last = [], rows[-1][0] or 1
    names = [name for name in _COLUMNS if name not in ("seconds", "sessions_opened", "reruns", "failures")]
    for place, name in enumerate(names):
        values = [row[_COLUMNS.index(name)] for row in rows]
        top, above = max([1, *values]), place * height
        points = " ".join(
            f"{60 + (width - 80) * row[0] / last:.1f},{above + height - 20 - (height - 40) * value / top:.1f}"
            for row, value in zip(rows, values, strict=True)
        )
        charts.append(f'<polyline points="{points}" fill="none" stroke="#0f766e" stroke-width="1.5"/>')
        charts.append(f'<text x="60" y="{above + 14}">{name}: last {values[-1]:,g}, highest {top:,g}</text>')
        charts.append(f'<text x="4" y="{above + height - 20}">0</text><text x="4" y="{above + 24}">{top:,g}</text>')
    caption = f'<text x="60" y="{len(names) * height + 14}">0 to {last / 60:.0f} minutes</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{len(names) * height + 20}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>{"".join(charts)}{caption}</svg>'
    )


def _summary(rows: Sequence[tuple[float, ...]], options: argparse.Namespace) -> dict:
    """The mean memory of each sixth of the time, and what stood at the end."""
    memory = [row[1] for row in rows]
    sixths = [memory[len(memory) * part // 6 : len(memory) * (part + 1) // 6] for part in range(6)]
    return {
        "sessions": options.sessions,
        "minutes": options.minutes,
        "rss_mb_by_sixths": [round(sum(part) / len(part)) for part in sixths if part],
        "end": dict(zip(_COLUMNS, rows[-1], strict=True)),
    }


if __name__ == "__main__":
    main()
