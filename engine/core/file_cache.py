"""Caches the parsed content of small files until they change, so that listing a thousand runs reads only their files' dates."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_ENTRIES = 20_000
# Seconds after which another write cannot get the same date: file systems' clocks tick in milliseconds.
_SETTLED = 0.1

_results: OrderedDict[tuple[str, Callable[[Path], Any]], tuple[tuple[int, ...], Any]] = OrderedDict()


def read_cached(folder: Path, name: str, read: Callable[[Path], T]) -> T:
    """`read(folder / name)`, cached in this process while the file's date, size and inode stay the same.

    The result is shared: do not change it. Raises what `read` raises; errors are not cached.
    """
    # Text instead of a Path: a thousand joins cost more than a thousand calls of stat.
    file = f"{folder}/{name}"
    stamp, key = _stamp(file), (file, read)
    entry = _results.get(key)
    if entry and entry[0] == stamp:
        return entry[1]
    result = read(folder / name)
    if stamp and abs(time.time() - stamp[0] / 1e9) < _SETTLED:
        # The file may be written again within the same tick of the clock, and the stamp would not show it.
        _results.pop(key, None)
        return result
    _results[key] = (stamp, result)
    while len(_results) > _ENTRIES:
        _results.popitem(last=False)
    return result


def _stamp(file: str) -> tuple[int, ...]:
    """Date, size and inode of the file; empty where there is none."""
    try:
        status = os.stat(file)  # noqa: PTH116 - see above
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
