"""What Streamlit's caches take for the same run, dataset, batch or configuration, and when files were written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.data.datasets import Dataset
from engine.inference.batch.store import Batch
from engine.runs.config import Config
from engine.runs.run import Run
from engine.training.time_estimate import Speeds

# By path and not by name: two homes may hold a run of the same name. What a cached value depends on beside its path (a file's time, a
# catalog's generation) is an argument of its own, which the function may ignore: it is there for the key.
HASH_FUNCS: dict[str | type[Any], Callable[[Any], Any]] = {
    Run: lambda run: str(run.path),
    Dataset: lambda data: str(data.catalog.file),
    Batch: lambda batch: str(batch.path),
    Config: repr,
    Speeds: repr,
}


def modified_ns(file: Path) -> int:
    """When a file was last written, in nanoseconds; 0 where there is none."""
    try:
        return file.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def size_and_time(file: Path) -> tuple[int, int] | None:
    """A file's size in bytes and when it was last written, in nanoseconds; None where there is none."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size, status.st_mtime_ns
