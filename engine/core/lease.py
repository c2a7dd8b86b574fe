"""Who is alive: an flock that the system releases with the process, however it ends."""

import contextlib
import fcntl
import json
import os
import time
import weakref
from pathlib import Path
from typing import Any

import psutil

from engine.core.files import explain_disk_errors

_ATTEMPTS = 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Lease:
    """An exclusive lock on a file, held until `release` or the end of the process; the file says who holds it.

    A launcher may take it and hand it to the process that it starts (`pass_fds=[lease.descriptor]`, `hand_over`, there
    `adopt`): the lock belongs to the open file, so there is no moment at which nobody holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free and sign it; whether it is held now."""
        if not self.take() or self.descriptor is None:
            return False
        _sign(self.descriptor)
        return True

    def take(self) -> bool:
        """Take the lock if it is free; what the last holder signed stays."""
        for _ in range(_ATTEMPTS):
            with explain_disk_errors(self.path):
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_file(descriptor, self.path):
                    self._hold(descriptor)
                    return True
                # Removed since it was opened: a lock on a file that nobody else can find keeps nobody out.
            except BlockingIOError:
                # A reader in `is_held` may have it for an instant: that is no holder.
                time.sleep(0.005)
            os.close(descriptor)
        return False

    def adopt(self, descriptor: int) -> bool:
        """Go on with the lock that the process that started this one took; whether it is one."""
        if not _is_file(descriptor, self.path):
            return False
        os.set_inheritable(descriptor, False)
        self._hold(descriptor)
        _sign(descriptor)
        return True

    def hand_over(self) -> None:
        """Forget the lock without releasing it: another process has the open file."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def clear(self) -> None:
        """Strike out the signature."""
        if self.descriptor is not None:
            with explain_disk_errors(self.path):
                os.ftruncate(self.descriptor, 0)

    def release(self) -> None:
        """An orderly end: an empty file tells it from the end of a process that had no time for that."""
        with contextlib.suppress(OSError):
            self.clear()
        self.hand_over()

    def _hold(self, descriptor: int) -> None:
        self.descriptor = descriptor
        _held.add(self)


_held: "weakref.WeakSet[Lease]" = weakref.WeakSet()


def _forget_all() -> None:
    for lease in list(_held):
        lease.hand_over()


# A forked helper would keep the lock alive after this process.
os.register_at_fork(after_in_child=_forget_all)


def is_held(path: Path) -> bool:
    """Whether a live process holds the lease at `path`."""
    try:
        with open(path, encoding="utf-8") as file:
            # A shared try: two readers at once must not take each other for the holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it cannot be looked at
        return False


def read_signature(path: Path) -> dict[str, Any]:
    """What the last holder signed: pid, start_time, boot. Empty after an orderly end, or where nothing was signed."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def holder(path: Path) -> psutil.Process | None:
    """The live process that holds the lease: the lock is held, and pid and start time both fit."""
    if not is_held(path):
        return None
    signed = read_signature(path)
    try:
        process = psutil.Process(signed["pid"])
        return process if abs(process.create_time() - signed["start_time"]) < 1 else None
    except (psutil.NoSuchProcess, KeyError):
        return None


def boot_id() -> str:
    """Names this start of the machine; a clock that is set anew does not change it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def _sign(descriptor: int) -> None:
    signed = {"pid": os.getpid(), "start_time": psutil.Process().create_time(), "boot": boot_id()}
    # On a full disk it stays unsigned: the lock is what counts.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(signed).encode(), 0)


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
