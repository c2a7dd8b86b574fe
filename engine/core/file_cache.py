"""Caches the parsed content of small files until they change, so that listing a thousand runs reads only their files' dates."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from engine.core.file_stamp import FileStamp, file_stamp
from engine.core.memory_cache import Entry, MemoryCache

T = TypeVar("T")

_LIMIT = 256 << 20  # bytes
_PARSED = 8  # bytes in memory per byte of a file: measuring a parsed document would take longer than reading it
_ENTRY = 1000  # bytes of an entry whose file is empty or missing


def _estimate_size(key: Hashable, entry: Entry) -> int:
    return _ENTRY + _PARSED * (entry.stamp.size if isinstance(entry.stamp, FileStamp) else 0)


_memory = MemoryCache(_LIMIT, measure=_estimate_size)


def read_cached(folder: Path, name: str, read: Callable[[Path], T]) -> T:
    """`read(folder / name)`, cached in this process while the file stays the same.

    The result is shared: do not change it. Raises what `read` raises; errors are not cached.
    """
    # Text instead of a Path: a thousand joins cost more than a thousand calls of stat.
    file = f"{folder}/{name}"
    stamp, key = file_stamp(file), (file, read)
    entry = _memory.get(key, stamp) or _memory.put(key, stamp, read(folder / name))
    return entry.value
