"""Which process is alive: a file lock (flock) that the system releases when the process ends, however it ends."""

import contextlib
import fcntl
import json
import os
import time
import weakref
from pathlib import Path
from typing import TypedDict

import psutil

from engine.core.files import explain_disk_errors

_ATTEMPTS = 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Signature(TypedDict, total=False):
    """What a holder writes into its lease."""

    pid: int
    start_time: float  # of the process, in seconds since 1970
    boot: str  # see `boot_id`


class Lease:
    """An exclusive lock on a file, held until `release` or the end of the process; the file names its holder.

    A launcher may take it and pass it to the process that it starts (`pass_fds=[lease.descriptor]`, then `hand_over`; there
    `adopt`). The lock belongs to the open file, so there is no moment at which nobody holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: int | None = None
        self.inherited = False  # from the process that started this one

    def acquire(self) -> bool:
        """Take the lock if it is free, and sign the file; whether this process holds the lock now."""
        if not self.take() or self.descriptor is None:
            return False
        _sign(self.descriptor)
        return True

    def take(self) -> bool:
        """Take the lock if it is free, without signing: the last holder's signature stays. Whether the lock was taken."""
        for _ in range(_ATTEMPTS):
            with explain_disk_errors(self.path):
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_file(descriptor, self.path):
                    self._hold(descriptor)
                    return True
                # The file was removed since it was opened: a lock on a file that nobody else can open excludes nobody.
            except BlockingIOError:
                # `is_held` in another process may hold a shared lock for an instant: try again.
                time.sleep(0.005)
            os.close(descriptor)
        return False

    def adopt(self, descriptor: int) -> bool:
        """Take over the lock from the parent process, by its inherited descriptor; False where it is not this file's."""
        if not _is_file(descriptor, self.path):
            return False
        os.set_inheritable(descriptor, False)
        self.inherited = True
        self._hold(descriptor)
        _sign(descriptor)
        return True

    def hand_over(self) -> None:
        """Close the file without unlocking it: the lock stays with the process that inherited the open file."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def clear(self) -> None:
        """Erase the signature."""
        if self.descriptor is not None:
            with explain_disk_errors(self.path):
                os.ftruncate(self.descriptor, 0)

    def release(self) -> None:
        """Release the lock and empty the file: a signature that is left behind shows a process that was killed."""
        with contextlib.suppress(OSError):
            self.clear()
        self.hand_over()

    def _hold(self, descriptor: int) -> None:
        self.descriptor = descriptor
        _held.add(self)


_held: "weakref.WeakSet[Lease]" = weakref.WeakSet()


def _hand_over_all() -> None:
    for lease in list(_held):
        lease.hand_over()


# A forked child shares the open file and would keep the lock after this process has ended.
os.register_at_fork(after_in_child=_hand_over_all)


def is_held(path: Path) -> bool:
    """Whether a live process holds the lease at `path`."""
    try:
        with open(path, encoding="utf-8") as file:
            # A shared lock, so that two readers at once do not mistake each other for the holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:  # the file is missing or cannot be opened
        return False


def read_signature(path: Path) -> Signature:
    """The last holder's signature. Empty after an orderly release, or where nothing was signed."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return Signature(**document) if isinstance(document, dict) else {}


def holder(path: Path) -> psutil.Process | None:
    """The live process that holds the lease: the lock is held, and pid and start time match the signature (pids are reused)."""
    if not is_held(path):
        return None
    signature = read_signature(path)
    try:
        process = psutil.Process(signature["pid"])
        return process if abs(process.create_time() - signature["start_time"]) < 1 else None
    except (psutil.NoSuchProcess, KeyError):
        return None


def boot_id() -> str:
    """Identifies the current boot of the machine; changing the clock does not change it (except without /proc)."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def _sign(descriptor: int) -> None:
    signature: Signature = {"pid": os.getpid(), "start_time": psutil.Process().create_time(), "boot": boot_id()}
    # On a full disk it stays unsigned: only the lock matters.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(signature).encode(), 0)


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the descriptor is of the file that is at `path` now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
