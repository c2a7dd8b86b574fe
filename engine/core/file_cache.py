"""What a small file says, read again only when it has changed: a thousand runs are listed by looking at their files' dates."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_ENTRIES = 20_000
_SETTLED = 0.1  # seconds after which another write cannot carry the same date: clocks of file systems tick in milliseconds

_said: OrderedDict[tuple[str, Callable[[Path], Any]], tuple[tuple[int, ...], Any]] = OrderedDict()


def read_cached(folder: Path, name: str, read: Callable[[Path], T]) -> T:
    """`read(folder / name)`, kept in this process while the file's date, size and inode stay the same.

    The answer is shared: never change it. Raises what `read` raises, which is not kept.
    """
    # Text instead of a path object: the thousand joins cost more than the thousand looks.
    file = f"{folder}/{name}"
    stamp, key = _stamp(file), (file, read)
    known = _said.get(key)
    if known and known[0] == stamp:
        return known[1]
    answer = read(folder / name)
    if stamp and abs(time.time() - stamp[0] / 1e9) < _SETTLED:
        _said.pop(key, None)
        return answer
    _said[key] = (stamp, answer)
    while len(_said) > _ENTRIES:
        _said.popitem(last=False)
    return answer


def _stamp(file: str) -> tuple[int, ...]:
    """Empty where there is no file."""
    try:
        result = os.stat(file)  # noqa: PTH116 - see above
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return result.st_mtime_ns, result.st_size, result.st_ino
