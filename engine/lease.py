"""Who is alive: an flock that the system releases with the process, however it ends."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO

import psutil

_ATTEMPTS = 20


class Lease:
    """An exclusive lock on a file, held until `release` or the end of the process; the file says who holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; whether it is held now."""
        file = open(self.path, "a+", encoding="utf-8")
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # A reader in `is_held` has it for an instant: that is no holder.
                if attempt == _ATTEMPTS - 1:
                    file.close()
                    return False
                time.sleep(0.005)
        file.truncate(0)
        json.dump({"pid": os.getpid(), "start_time": psutil.Process().create_time()}, file)
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def is_held(path: Path) -> bool:
    """Whether a live process holds the lease at `path`."""
    try:
        with open(path, encoding="utf-8") as file:
            # A shared try: two readers at once must not take each other for the holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def holder(path: Path) -> psutil.Process | None:
    """The live process that holds the lease: the lock is held, and pid and start time both fit."""
    if not is_held(path):
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        process = psutil.Process(said["pid"])
        return process if abs(process.create_time() - said["start_time"]) < 1 else None
    except (psutil.NoSuchProcess, json.JSONDecodeError, KeyError, FileNotFoundError):
        return None
