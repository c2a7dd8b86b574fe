"""`bench catalog`: how long a page waits for page turns, filter changes and class counts on a catalog of any size."""

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
    """Milliseconds that one kind of query took, over the repeats."""

    name: str
    median: float
    p95: float
    worst: float


@dataclass(frozen=True)
class Figures:
    """`made`: seconds to create the catalog. `memory_before`, `memory`: resident MiB of this process before the first query and at the end."""

    rows: int
    classes: int
    made: float
    waits: list[Waits]
    memory_before: float
    memory: float


def measure(rows: int, classes: int = 6, repeats: int = REPEATS, seed: int = 0) -> Figures:
    """Create a catalog of `rows` in a temporary home, time the queries of the Explore page on it, and delete it.

    Another process creates the catalog, as in use; every query is a new one, so that no cache can answer it.
    """
    before, home = os.environ.get("SCENESCOPE_HOME"), tempfile.TemporaryDirectory(prefix="scenescope-bench-")
    with home as folder:
        os.environ["SCENESCOPE_HOME"] = folder
        try:
            start = time.monotonic()
            command = ["data", "synthesize-catalog", "--rows", str(rows), "--classes", str(classes), "--name", _NAME]
            subprocess.run([sys.executable, "-m", "engine", *command], cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
            made = time.monotonic() - start
            memory_before, catalog = _resident(), load_dataset(_NAME).catalog
            waits = [_time(name, query, repeats) for name, query in _queries(catalog, np.random.default_rng(seed))]
            return Figures(rows=rows, classes=classes, made=made, waits=waits, memory_before=memory_before, memory=_resident())
        finally:
            # Restored by hand: the rest of the process belongs to the caller's home.
            os.environ.pop("SCENESCOPE_HOME")
            if before is not None:
                os.environ["SCENESCOPE_HOME"] = before


def _queries(catalog: Catalog, rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], None]]]:
    names = list(catalog.classes())
    pages = -(-catalog.count() // _PAGE)

    def turn_page() -> None:
        catalog.page(Filter(), int(rng.integers(1, pages + 1)), _PAGE)

    def turn_sorted_page() -> None:
        train = Filter(("train",))
        order = str(rng.choice(list(PROPERTIES)))
        catalog.page(train, int(rng.integers(1, 1 + catalog.count(train) // _PAGE)), _PAGE, order, bool(rng.integers(2)))

    def filter_classes() -> None:
        classes = tuple(rng.choice(names, min(3, len(names)), replace=False))
        _explore(catalog, _with_ranges(rng, Filter(classes=classes)))

    def filter_ranges() -> None:
        _explore(catalog, _with_ranges(rng, Filter()))

    def search() -> None:
        _explore(catalog, Filter(text=f"_{rng.integers(1000):03d}"))

    def count_classes() -> None:
        catalog.counts(_with_ranges(rng, Filter(("train", "test"))))

    yield "page turn", turn_page
    yield "page turn, sorted by a property", turn_sorted_page
    yield "filter change: three classes and two ranges", filter_classes
    yield "filter change: two ranges", filter_ranges
    yield "filter change: text in the path", search
    yield "class counts", count_classes


def _with_ranges(rng: np.random.Generator, condition: Filter) -> Filter:
    """The filter with random ranges of two properties."""
    low = float(rng.uniform(0.1, 0.4))
    return condition.with_range("brightness", low, low + 0.3).with_range("sharpness", float(rng.uniform(10, 200)), None)


def _explore(catalog: Catalog, condition: Filter) -> None:
    """The queries of the Explore page's panels after a filter change: first page, counts, sizes, histogram, quantiles."""
    view = catalog.view(condition)
    catalog.page(condition, 1, _PAGE)
    catalog.counts()
    view.counts()
    view.sizes()
    view.histogram("sharpness", 48, group_by="class")
    view.quantiles("sharpness", limit=40)
    for name in PROPERTIES:
        catalog.view().histogram(name)


def _time(name: str, query: Callable[[], None], repeats: int) -> Waits:
    query()  # once without measuring: the first query loads the columns
    waits = []
    for _ in range(repeats):
        start = time.perf_counter()
        query()
        waits.append(1000 * (time.perf_counter() - start))
    return Waits(name=name, median=float(np.median(waits)), p95=float(np.percentile(waits, 95)), worst=max(waits))


def _resident() -> float:
    """Resident memory of this process in MiB."""
    return psutil.Process().memory_info().rss / 2**20
