"""Catalogs of any size without images, for measuring and for tests at a million rows."""

import time
from collections.abc import Iterator

import numpy as np

from engine.core.errors import UserError
from engine.core.paths import data_dir
from engine.data.catalog import Catalog
from engine.data.catalog_schema import FACTS
from engine.data.datasets import CATALOG_ONLY, Dataset, is_registered, register_dataset
from engine.data.fingerprint import renew_generation
from engine.data.layouts import SPLITS

_CHUNK = 20_000
_SHARES = (0.70, 0.10, 0.17, 0.03)  # of SPLITS
_SIZES = ((150, 150), (640, 480), (1600, 1200), (1200, 1600), (4032, 3024))
_INSERT = f"INSERT INTO images ({FACTS}) VALUES ({', '.join('?' * len(FACTS.split(', ')))})"


def synthesize(name: str, rows: int, classes: int = 6, seed: int = 0) -> Dataset:
    """Register a dataset of `rows` images that exist only in its catalog. Raises UserError."""
    if rows < 1 or not 2 <= classes <= rows:
        raise UserError("A catalog needs at least two classes and as many rows.", "For example --rows 14000 --classes 6.")
    if is_registered(name):
        raise UserError(f"A dataset named {name!r} already exists.", f"Remove it first: python -m engine data remove {name}")
    data = Dataset(name, data_dir() / name / "images", CATALOG_ONLY, time.time(), synthetic=True)
    fill(data.catalog, rows, classes, seed)
    register_dataset(data)
    return data


def fill(catalog: Catalog, rows: int, classes: int, seed: int = 0) -> None:
    """Replace the catalog's rows by synthetic ones; the same seed gives the same rows."""
    rng = np.random.default_rng(seed)
    tones = rng.uniform(0.2, 0.8, classes)
    with catalog.connect() as connection:
        # A dataset that could not be registered (on a full disk) leaves its catalog behind.
        connection.execute("DELETE FROM images")
        for start in range(0, rows, _CHUNK):
            connection.executemany(_INSERT, _rows(rng, range(start, min(start + _CHUNK, rows)), tones))
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (f"synthetic-{rows}-{classes}-{seed}",))
        renew_generation(connection)
    catalog.columns()


def _rows(rng: np.random.Generator, numbers: range, tones: np.ndarray) -> Iterator[tuple]:
    n = len(numbers)
    # The first rows make sure that every class has a training image.
    labels = np.where(np.array(numbers) < len(tones), np.array(numbers), rng.integers(0, len(tones), n))
    splits = np.where(np.array(numbers) < len(tones), 0, rng.choice(len(SPLITS), n, p=_SHARES))
    sizes = rng.choice(len(_SIZES), n, p=(0.6, 0.1, 0.1, 0.1, 0.1))
    measured = np.stack(
        [
            np.clip(rng.normal(tones[labels], 0.12), 0, 1),
            np.clip(rng.normal(0.2, 0.05, n), 0, 0.5),
            rng.lognormal(6, 1, n),
            rng.gamma(4, 10, n),
        ],
        axis=1,
    ).round(4)
    weights, contents = rng.lognormal(10, 0.5, n).astype(int), rng.bytes(16 * n)
    for i, number in enumerate(numbers):
        name, split = f"class_{labels[i]:05d}", SPLITS[splits[i]]
        path = f"{split}/{name}/img_{number:07d}.jpg"
        label = None if split == "unlabelled" else name
        content = contents[16 * i : 16 * i + 16].hex()
        yield (path, None, split, split, label, *_SIZES[sizes[i]], int(weights[i]), 0, content, "ok", "", *measured[i].tolist())
