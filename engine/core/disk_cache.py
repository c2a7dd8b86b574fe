"""A folder of small files by key that never grows beyond a limit, and work that is done once although many ask for it."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from engine.core.files import trim_folder, write_bytes

T = TypeVar("T")

_SLACK = 16  # the folder is looked through each time that a 16th of its limit has been added
_FRESH = 3600.0  # seconds in which a file's last use is not noted again


class DiskCache:
    """Files by key; where they would take more than `limit` bytes, the least recently used go.

    The folder is never looked through while somebody waits: what is added is counted, and a thread tidies up now and then.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()
        self._added = limit  # what an earlier process left is not known: the first file calls the tidying
        self._tidying: threading.Thread | None = None

    def get(self, key: str) -> bytes | None:
        file = self._file(key)
        try:
            with open(file, "rb") as stream:
                status = os.fstat(stream.fileno())
                # Many systems are mounted so that reading leaves no trace.
                if time.time() - status.st_atime > _FRESH:
                    with contextlib.suppress(OSError):
                        os.utime(file, (time.time(), status.st_mtime))
                return stream.read()
        except OSError:  # absent, or out of reach: it is made anew
            return None

    def put(self, key: str, content: bytes) -> None:
        """Keep it if that is possible: a full or read-only disk costs time, not the picture."""
        with contextlib.suppress(OSError):
            write_bytes(self._file(key), content)
        with self._lock:
            self._added += len(content)
            if self._added > self.limit // _SLACK and not (self._tidying and self._tidying.is_alive()):
                self._added = 0
                self._tidying = threading.Thread(target=self._tidy, name="tidy", daemon=True)
                self._tidying.start()

    def wait(self) -> None:
        """Until the tidying that has begun is over."""
        if self._tidying:
            self._tidying.join()

    def _tidy(self) -> None:
        trim_folder(self.folder, self.limit - self.limit // _SLACK)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / key


class SingleFlight:
    """Calls that ask for the same key at the same moment share one computation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            future = self._running.get(key)
            if first := future is None:
                future = self._running[key] = Future()
        if not first:
            return future.result()
        try:
            future.set_result(make())
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[key]
        return future.result()
