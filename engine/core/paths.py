"""Where datasets, runs and caches live: under SCENESCOPE_HOME, by default the project folder."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """SCENESCOPE_HOME, or the project folder where it is not set."""
    return Path(os.environ.get("SCENESCOPE_HOME") or PROJECT).expanduser().resolve()


def data_dir() -> Path:
    return home() / "data"


def runs_dir() -> Path:
    return home() / "runs"


def cache_dir(kind: str) -> Path:
    """The folder of one kind of cache (`thumbnails`, `embeddings`, `pixels`); the code that writes to it creates it."""
    return home() / "cache" / kind
