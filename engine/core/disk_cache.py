"""An LRU cache of small files on disk, and a guard that runs equal concurrent computations once."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import TypeVar

from engine.core.files import trim_folder, write_bytes
from engine.core.progress import Cancelled

T = TypeVar("T")

_SLACK = 16  # the folder is trimmed each time that a 16th of its limit has been added
_WAIT = 0.2  # seconds between two calls of `meanwhile`
_FRESH = 3600.0  # seconds for which a file's access time is precise enough


class DiskCache:
    """Files by key; where they take more than `limit` bytes, the least recently used are removed.

    No call waits while the folder is searched: added bytes are counted, and a thread trims the folder now and then.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()
        self._added = limit  # an earlier process may have left any amount: the first `put` starts a trim
        self._trimming: threading.Thread | None = None

    def get(self, key: str) -> bytes | None:
        """The content of the key's file; None where it is absent or cannot be read."""
        file = self._file(key)
        try:
            with open(file, "rb") as stream:
                status = os.fstat(stream.fileno())
                # Most disks are mounted with relatime or noatime: reading alone does not update the access time.
                if time.time() - status.st_atime > _FRESH:
                    with contextlib.suppress(OSError):
                        os.utime(file, (time.time(), status.st_mtime))
                return stream.read()
        except OSError:  # absent or unreadable: the caller computes it again
            return None

    def put(self, key: str, content: bytes) -> None:
        """Save the content if possible: a full or read-only disk costs time later, but raises nothing."""
        with contextlib.suppress(OSError):
            write_bytes(self._file(key), content)
        with self._lock:
            self._added += len(content)
            if self._added > self.limit // _SLACK and not (self._trimming and self._trimming.is_alive()):
                self._added = 0
                self._trimming = threading.Thread(target=self._trim, name="trim", daemon=True)
                self._trimming.start()

    def wait(self) -> None:
        """Wait for a running trim to end."""
        if self._trimming:
            self._trimming.join()

    def _trim(self) -> None:
        trim_folder(self.folder, self.limit - self.limit // _SLACK)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / key


class SingleFlight:
    """Concurrent calls with the same key share one computation and its result or error.

    Where the computation is stopped (`Cancelled`, or as Streamlit ends a script), another caller begins it again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future] = {}

    def __call__(self, key: Hashable, compute: Callable[[], T], meanwhile: Callable[[], None] | None = None) -> T:
        """`meanwhile` is called several times per second while another call computes; what it raises ends the waiting."""
        while True:
            with self._lock:
                future = self._running.get(key)
                if future is None:
                    self._running[key] = Future()
            if future is None:
                return self._lead(key, compute)
            while meanwhile is not None and not wait([future], _WAIT).done:
                meanwhile()
            with contextlib.suppress(CancelledError):
                return future.result()

    def _lead(self, key: Hashable, compute: Callable[[], T]) -> T:
        future = self._running[key]
        try:
            result = compute()
            future.set_result(result)
            return result
        except Cancelled:
            raise
        except Exception as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[key]
            # No effect once there is a result or an error. The second call is what tells those who wait.
            if future.cancel():
                future.set_running_or_notify_cancel()
