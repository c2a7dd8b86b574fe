"""How long a page waits for the catalog: page turns, filter changes and class counts on catalogs of any size."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil

from engine.core.paths import PROJECT
from engine.data.catalog import Catalog
from engine.data.datasets import load_dataset
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES

REPEATS = 50
_NAME = "bench"
_PAGE = 60


@dataclass(frozen=True)
class Waits:
    """Milliseconds of one kind of question over the repeats."""

    name: str
    median: float
    p95: float
    worst: float


@dataclass(frozen=True)
class Figures:
    """`memory` and `memory_before` are resident megabytes of the asking process at its end and before its first question."""

    rows: int
    classes: int
    made: float  # seconds
    waits: list[Waits]
    memory_before: float
    memory: float


def measure(rows: int, classes: int = 6, repeats: int = REPEATS, seed: int = 0) -> Figures:
    """Make a catalog of `rows` in a home of its own, ask it the questions of the Explore page, and throw it away.

    The catalog is made by another process, as it is in use; every question is a new one, so that nothing answers from memory.
    """
    before, home = os.environ.get("SCENESCOPE_HOME"), tempfile.TemporaryDirectory(prefix="scenescope-bench-")
    with home as folder:
        os.environ["SCENESCOPE_HOME"] = folder
        try:
            began = time.monotonic()
            command = ["data", "synthesize-catalog", "--rows", str(rows), "--classes", str(classes), "--name", _NAME]
            subprocess.run([sys.executable, "-m", "engine", *command], cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
            made = time.monotonic() - began
            memory_before, catalog = _resident(), load_dataset(_NAME).catalog
            waits = [_timed(*question, repeats) for question in _questions(catalog, np.random.default_rng(seed))]
            return Figures(rows, classes, made, waits, memory_before, _resident())
        finally:
            os.environ.pop("SCENESCOPE_HOME")
            if before is not None:
                os.environ["SCENESCOPE_HOME"] = before


def _questions(catalog: Catalog, rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], None]]]:
    names = list(catalog.classes())
    pages = -(-catalog.count() // _PAGE)

    def turn() -> None:
        catalog.page(Filter(), int(rng.integers(1, pages + 1)), _PAGE)

    def turn_sorted() -> None:
        wanted = Filter(("train",))
        by = str(rng.choice(list(PROPERTIES)))
        catalog.page(wanted, int(rng.integers(1, 1 + catalog.count(wanted) // _PAGE)), _PAGE, by, bool(rng.integers(2)))

    def change() -> None:
        _explore(catalog, _ranges(rng, Filter(classes=tuple(rng.choice(names, min(3, len(names)), replace=False)))))

    def change_wide() -> None:
        _explore(catalog, _ranges(rng, Filter()))

    def search() -> None:
        _explore(catalog, Filter(text=f"_{rng.integers(1000):03d}"))

    def counts() -> None:
        catalog.counts(_ranges(rng, Filter(("train", "test"))))

    yield "page turn", turn
    yield "page turn, sorted by a property", turn_sorted
    yield "filter change: three classes and two ranges", change
    yield "filter change: two ranges", change_wide
    yield "filter change: text in the path", search
    yield "class counts", counts


def _ranges(rng: np.random.Generator, wanted: Filter) -> Filter:
    low = float(rng.uniform(0.1, 0.4))
    return wanted.with_range("brightness", low, low + 0.3).with_range("sharpness", float(rng.uniform(10, 200)), None)


def _explore(catalog: Catalog, wanted: Filter) -> None:
    """What the Explore page's panels ask after a change of its filter: number, first page, counts, sizes, histogram, quantiles."""
    view = catalog.view(wanted)
    catalog.page(wanted, 1, _PAGE)
    catalog.counts()
    view.counts()
    view.sizes()
    view.histogram("sharpness", 48, group_by="class")
    view.quantiles("sharpness", most=40)
    for name in PROPERTIES:
        catalog.view().histogram(name)


def _timed(name: str, question: Callable[[], None], repeats: int) -> Waits:
    question()  # once for what is loaded at the first question
    waits = []
    for _ in range(repeats):
        began = time.perf_counter()
        question()
        waits.append(1000 * (time.perf_counter() - began))
    return Waits(name, float(np.median(waits)), float(np.percentile(waits, 95)), max(waits))


def _resident() -> float:
    return psutil.Process().memory_info().rss / 2**20
