"""Caches the parsed content of small files until they change, so that listing a thousand runs reads only their files' dates."""

import os
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cachetools import FIFOCache

T = TypeVar("T")
_ENTRIES = 20_000
# Seconds after which another write cannot get the same date: file systems' clocks tick in milliseconds.
_SETTLED = 0.1


class FileStamp(NamedTuple):
    """What changes whenever a file does. The change time too: a copy that preserves dates (`cp -p`) sets the modification time."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int


_results: FIFOCache[tuple[str, Callable[[Path], Any]], tuple[FileStamp | None, Any]] = FIFOCache(_ENTRIES)
_lock = threading.Lock()


def read_cached(folder: Path, name: str, read: Callable[[Path], T]) -> T:
    """`read(folder / name)`, cached in this process while the file's stamp stays the same.

    The result is shared: do not change it. Raises what `read` raises; errors are not cached.
    """
    # Text instead of a Path: a thousand joins cost more than a thousand calls of stat.
    file = f"{folder}/{name}"
    stamp, key = file_stamp(file), (file, read)
    with _lock:
        entry = _results.get(key)
    if entry and entry[0] == stamp:
        return entry[1]
    result = read(folder / name)
    with _lock:
        if is_settled(stamp):
            _results[key] = (stamp, result)
        else:
            _results.pop(key, None)
    return result


def file_stamp(file: str | Path) -> FileStamp | None:
    """The file's stamp; None where there is no file."""
    try:
        status = os.stat(file)  # noqa: PTH116 - see above
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileStamp(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def is_settled(stamp: Hashable) -> bool:
    """Whether no file among these stamps (nested tuples) was written so lately that another write would leave its stamp the same."""
    if isinstance(stamp, FileStamp):
        return abs(time.time() - stamp.changed_ns / 1e9) >= _SETTLED
    return all(map(is_settled, stamp)) if isinstance(stamp, tuple) else True
