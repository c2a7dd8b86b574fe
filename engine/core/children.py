"""Starting processes that outlive whoever started them, and collecting those that have ended."""

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
    """Run `python -m` with the arguments in a session of its own; its pid. The process inherits the open file `descriptor`.

    A thread of its own waits for each process: one that has ended and that nobody waits for stays as a zombie. Waiting for any
    child would take the exit codes of others, and SIGCHLD reaches the main thread alone, which is the server's.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        pass_fds=() if descriptor is None else [descriptor], env={**os.environ, **(environment or {})},
    )  # fmt: skip
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
    return process.pid
