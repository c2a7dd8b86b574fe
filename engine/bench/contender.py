"""One side of a comparison: a process of its own, which works while the other waits."""

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
OURS = ["-m", "engine.bench.ours"]
_SETTLE = 0.5  # seconds for the loader's processes of the other side to fill their queues


class Contender:
    """A loop in a process: started with its job, measured in rounds.

    `said` is what the process told when it was ready. The caches of ours are its own, and go with it.
    """

    def __init__(self, program: list[str], job: dict[str, Any]) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="scenescope-bench-")
        self._errors = tempfile.TemporaryFile("w+")
        environment = {**os.environ, "SCENESCOPE_HOME": self._home.name}
        if program is REFERENCE:
            # What `engine.core.process_memory.tune` set for this process: a plain loop does not have it.
            environment.pop("OMP_WAIT_POLICY", None)
        self._process = subprocess.Popen(
            [sys.executable, *program], cwd=PROJECT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._tell(json.dumps(job))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._home.cleanup()

    def ready(self) -> Any:
        """Wait until the side has built its model and warmed up; what it says then."""
        return self._answer()

    def rate(self, seconds: float) -> float:
        """Images a second, over at least one batch and about `seconds`."""
        images, taken, _ = self._round(seconds)
        return images / taken

    def wait(self, seconds: float) -> float:
        """The median of the milliseconds that each batch took, over about `seconds`."""
        return 1000 * self._round(seconds)[2]

    def _round(self, seconds: float) -> tuple[int, float, float]:
        time.sleep(_SETTLE)
        self._tell(str(seconds))
        return tuple(self._answer())

    def _tell(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no word of why"])[-1]
            raise UserError(f"The measuring process ended: {last}", "Try a smaller --batch, or another --model.")
        return json.loads(line)
