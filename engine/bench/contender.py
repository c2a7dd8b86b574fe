"""One of the two programs of a comparison: a process of its own, which works while the other waits."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.core.errors import UserError
from engine.core.paths import PROJECT

REFERENCE = [str(Path(__file__).with_name("reference.py"))]
OURS = ["-m", "engine.bench.scenescope_side"]
_SETTLE = 0.5  # seconds in which the other contender's loader processes fill their queues, and then rest


class Contender:
    """A loop in a process, started with its job and measured in rounds. Its caches are its own, and are deleted with it."""

    def __init__(self, program: list[str], job: dict[str, Any]) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="scenescope-bench-")
        self._errors = tempfile.TemporaryFile("w+")
        environment = {**os.environ, "SCENESCOPE_HOME": self._home.name}
        if program is REFERENCE:
            # Set for this process by `engine.core.process_memory.tune`; a plain loop would run without it.
            environment.pop("OMP_WAIT_POLICY", None)
        self._process = subprocess.Popen(
            [sys.executable, *program], cwd=PROJECT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        assert self._process.stdin and self._process.stdout  # both are pipes
        self._input, self._output = self._process.stdin, self._process.stdout
        self._send(json.dumps(job))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Killed, not stopped: both loops are endless and have nothing to save.
        self._process.kill()
        self._process.wait()
        self._home.cleanup()

    def ready(self) -> Any:
        """Wait until the process has built its model and warmed up; its first message."""
        return self._receive()

    def rate(self, seconds: float) -> float:
        """Images per second, over at least one batch and about `seconds`."""
        images, elapsed, _ = self._round(seconds)
        return images / elapsed

    def wait(self, seconds: float) -> float:
        """The median milliseconds per batch, over about `seconds`."""
        _, _, median = self._round(seconds)
        return 1000 * median

    def _round(self, seconds: float) -> tuple[int, float, float]:
        """Images, elapsed seconds, and the median seconds per batch."""
        time.sleep(_SETTLE)
        self._send(str(seconds))
        images, elapsed, median = self._receive()
        return images, elapsed, median

    def _send(self, line: str) -> None:
        self._input.write(line + "\n")
        self._input.flush()

    def _receive(self) -> Any:
        line = self._output.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["without an error message"])[-1]
            raise UserError(f"The measuring process ended: {last}", "Try a smaller --batch, or another --model.")
        return json.loads(line)
