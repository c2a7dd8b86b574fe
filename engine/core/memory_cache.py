"""A cache in memory that is bounded in bytes, whatever its values are; each value belongs to the stamp that it was computed for."""

import functools
import sys
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from cachetools import LRUCache

from engine.core.disk_cache import SingleFlight
from engine.core.file_stamp import is_settled

T = TypeVar("T")
_POINTER = 8  # bytes per element of an array of objects
_OBJECT = 64  # bytes: a short text


@dataclass(eq=False)
class Entry:
    """A value and the stamp of what it was computed from; how often it was used, and its size in bytes when it was last measured."""

    stamp: Hashable
    value: Any
    uses: int = 0
    size: int = 0


class MemoryCache:
    """Values by key; where they take more than `limit` bytes, the least recently used are dropped.

    Errors are not cached. `growing`: values may grow while they are used.
    """

    def __init__(self, limit: int, growing: bool = False, measure: Callable[[Hashable, Entry], int] | None = None) -> None:
        # A value larger than the limit stays alone: a page that needs it would compute it again at every click.
        self._entries: LRUCache[Hashable, Entry] = LRUCache(limit, lambda entry: min(entry.size, limit))
        self._growing, self._measure = growing, measure or _measure
        self._lock = threading.Lock()
        self._once = SingleFlight()
        self._clears = 0
        self._thread = threading.local()

    @property
    def size(self) -> int:
        """Bytes that the values take."""
        return int(self._entries.currsize)

    def get(self, key: Hashable, stamp: Hashable) -> Entry | None:
        """The entry under this key for this stamp."""
        try:
            with self._lock:
                entry = self._entries[key]
        except KeyError:
            return None
        if entry.stamp != stamp:
            return None
        entry.uses += 1
        # At use 1, 2, 4, 8, ...: however often it is used, measuring takes no time to speak of.
        if self._growing and entry.uses.bit_count() == 1:
            self._store(key, entry, lambda: self._entries.get(key) is entry)
        return entry

    def put(self, key: Hashable, stamp: Hashable, value: Any, clears: int | None = None) -> Entry:
        """A new entry, stored unless the cache was cleared since there were as many `clears`.

        `stamp` must have been read before the files were: what comes from newer files is then made again at the next call.
        """
        entry = Entry(stamp, value)
        # A file that was written a moment ago may be written again without a change of its stamp.
        if is_settled(stamp):
            self._store(key, entry, lambda: clears in (None, self._clears))
        return entry

    def compute(
        self, key: Hashable, stamp: Hashable, make: Callable[[], Any], meanwhile: Callable[[], None] | None = None
    ) -> Entry:
        """The entry under this key for this stamp. Equal concurrent calls make it once; `meanwhile`: see `SingleFlight`."""
        clears = self._clears_of_thread()
        return self._once((key, stamp, clears), lambda: self.get(key, stamp) or self.put(key, stamp, make(), clears), meanwhile)

    def clear(self) -> None:
        """Drop all values, and those of all computations that have begun."""
        with self._lock:
            self._entries.clear()
            self._clears += 1

    def until_cleared(self, work: Callable[[T], None]) -> Callable[[T], None]:
        """The function, for a thread: what it computes is stored only until the next `clear`, even where it begins after that."""
        clears = self._clears_of_thread()

        @functools.wraps(work)
        def bound(argument: T) -> None:
            self._thread.clears = clears
            work(argument)

        return bound

    def _clears_of_thread(self) -> int:
        return getattr(self._thread, "clears", self._clears)

    def _store(self, key: Hashable, entry: Entry, is_valid: Callable[[], bool]) -> None:
        size = self._measure(key, entry)
        with self._lock:
            if is_valid():
                entry.size = size
                self._entries[key] = entry


def _measure(key: Hashable, entry: Entry) -> int:
    return size_of((key, entry.stamp, entry.value))


def size_of(value: Any) -> int:
    """Bytes that a value takes in memory: its arrays, tables, tensors and texts, each counted once; mapped files take none."""
    seen: set[int] = set()
    waiting, size = [value], 0
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType | threading.Thread):
            seen.add(id(one))
            own = _block_size(one)
            size += sys.getsizeof(one) if own is None else own
            waiting.extend(_parts(one) if own is None else ())
    return size


def _block_size(value: Any) -> int | None:
    """Bytes of an array, a tensor or a table; None for other values. Known by their attributes: importing torch takes seconds."""
    if hasattr(value, "memory_usage"):
        usage = value.memory_usage(deep=True)
        return int(usage.sum() if hasattr(usage, "sum") else usage)
    size = getattr(value, "nbytes", None)
    if not isinstance(size, int):
        return None
    if _is_mapped(value):
        return 0
    of_objects = getattr(getattr(value, "dtype", None), "kind", "") == "O"
    return size // _POINTER * (_POINTER + _OBJECT) if of_objects else size


def _is_mapped(array: Any) -> bool:
    """Whether an array's memory is a mapped file, or a buffer of a library that maps files."""
    while (base := getattr(array, "base", None)) is not None:
        array = base
    return type(array).__name__ in ("memmap", "mmap", "Buffer")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, str | bytes | int | float | None):
        return ()
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return value
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(value, "__dict__", {}).values(), *(getattr(value, name, None) for name in names)]
