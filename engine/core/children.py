"""Starts processes that outlive their parent, and reaps those that have ended."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from engine.core.paths import PROJECT


def start_module(
    arguments: Sequence[str],
    output: IO[bytes] | int = subprocess.DEVNULL,
    descriptor: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run `python -m` with the arguments in a new session and return its pid. The process inherits the open file `descriptor`."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        pass_fds=() if descriptor is None else [descriptor], env={**os.environ, **(environment or {})},
    )  # fmt: skip
    # A process that has ended stays a zombie until somebody waits for it. `os.wait` would also take the exit codes that other
    # code waits for, and a SIGCHLD handler would have to be installed from the main thread, which belongs to the server.
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
    return process.pid
