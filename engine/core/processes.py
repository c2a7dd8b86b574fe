"""Processes that outlive whoever started them. Each holds a lease from its first moment, and prints into a log of its own."""

import contextlib
import faulthandler
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from engine.core.files import open_to_append, write_bytes
from engine.core.lease import Lease
from engine.core.paths import PROJECT
from engine.core.text_output import utc

STARTED = "--- started "  # begins the line that a process prints first: what is above it was printed by an earlier one
_DESCRIPTOR = "SCENESCOPE_LEASE"  # the inherited descriptor of the lease
_LOG_BYTES = 1 << 20  # of a log that a later process keeps
_TAIL_BYTES = 20_000


def start_process(module: str, argument: str, lease: Lease, log: Path, environment: Mapping[str, str] | None = None) -> int:
    """Run `python -m module argument` in a new session, its output going to `log`; its pid.

    The caller must hold the lease, and `hand_over` afterwards: the process inherits the open file, and with it the lock.
    """
    if lease.descriptor is None:
        raise ValueError("the lease is not held")
    _shorten(log)
    with open_to_append(log) as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, argument],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            pass_fds=[lease.descriptor],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {}), _DESCRIPTOR: str(lease.descriptor)},
        )  # fmt: skip
    # A process that has ended stays a zombie until somebody waits for it. `os.wait` would also take the exit codes that other
    # code waits for, and a SIGCHLD handler would have to be installed from the main thread, which belongs to the server.
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
    return process.pid


def take_lease(path: Path) -> Lease | None:
    """The lease at `path`, inherited from the process that started this one, or taken now; None where another process holds it."""
    lease = Lease(path)
    # Removed: what this process starts must not take another file of that number for a lease.
    descriptor = os.environ.pop(_DESCRIPTOR, None)
    return lease if (descriptor and lease.adopt(int(descriptor))) or lease.acquire() else None


def begin_log() -> None:
    """Print the first line of this process into its log, and have the interpreter's crashes printed there too."""
    with contextlib.suppress(OSError):  # the log's disk may be full
        print(f"{STARTED}{utc(time.time())}, process {os.getpid()}", flush=True)  # noqa: T201 - the log is standard output
    with contextlib.suppress(OSError, ValueError):  # standard error is no file
        faulthandler.enable()


def log_tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log; empty where there is none."""
    # Only the end is read: a log may be megabytes long, and a page shows it again and again.
    try:
        with open(log, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""


def _shorten(log: Path) -> None:
    """Cut a log that has grown large to its end, so that it stays bounded however often its process is started."""
    if log.is_file() and log.stat().st_size > 2 * _LOG_BYTES:
        with open(log, "rb") as file:
            file.seek(-_LOG_BYTES, os.SEEK_END)
            write_bytes(log, file.read())
