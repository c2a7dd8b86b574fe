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
from engine.core.file_cache import is_settled

T = TypeVar("T")
_POINTER = 8  # bytes per element of an array of objects
_OBJECT = 64  # bytes: a short text


@dataclass(frozen=True)
class Entry:
    """A value, the stamp of what it was computed from, and the bytes that it takes with its key."""

    stamp: Hashable
    value: Any
    size: int


class MemoryCache:
    """Values by key; where they take more than `limit` bytes, the least recently used are dropped.

    Equal concurrent computations run once. Errors are not cached.
    """

    def __init__(self, limit: int) -> None:
        # A value larger than the limit stays alone: a page that needs it would compute it again at every click.
        self._entries: LRUCache[Hashable, Entry] = LRUCache(limit, lambda entry: min(entry.size, limit))
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
        with self._lock:
            entry = self._entries.get(key)
        return entry if entry is not None and entry.stamp == stamp else None

    def compute(
        self, key: Hashable, stamp: Hashable, make: Callable[[], Any], meanwhile: Callable[[], None] | None = None
    ) -> Entry:
        """The entry under this key for this stamp, made where there is none; `meanwhile`: see `SingleFlight`.

        `stamp` must have been read before the call: what is made from newer files is then made again at the next call.
        """
        clears = getattr(self._thread, "clears", self._clears)

        def store() -> Entry:
            entry = self.get(key, stamp)
            if entry is None:
                value = make()
                entry = Entry(stamp, value, size_of((key, stamp, value)))
                self._store(key, entry, clears)
            return entry

        return self._once((key, stamp, clears), store, meanwhile)

    def clear(self) -> None:
        """Drop all values, and those of all computations that have begun."""
        with self._lock:
            self._entries.clear()
            self._clears += 1

    def until_cleared(self, work: Callable[[T], None]) -> Callable[[T], None]:
        """The function, for a thread: what it computes is stored only until the next `clear`, even where it begins after that."""
        clears = self._clears

        @functools.wraps(work)
        def bound(argument: T) -> None:
            self._thread.clears = clears
            work(argument)

        return bound

    def _store(self, key: Hashable, entry: Entry, clears: int) -> None:
        # A file that was written a moment ago may be written again without a change of its stamp.
        settled = is_settled(entry.stamp)
        with self._lock:
            if settled and clears == self._clears:
                self._entries[key] = entry


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
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return value
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(value, "__dict__", {}).values(), *(getattr(value, name, None) for name in names)]
