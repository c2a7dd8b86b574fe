"""Runs `python -m engine` in processes forked from one that has torch imported: 0.1 s per command instead of 3 s.

Each command is a process of its own, with its own streams, environment and exit code, and runs `engine/__main__.py` to the interpreter's
end. Only the imports are shared: tests of what a command imports start a fresh interpreter.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_IN_CHILD = -1000  # what `_fork` returns in the child; no exit code is that low


class CommandServer:
    """The process to fork from; started with the first command, stopped with the tests."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str], environment: dict[str, str], seconds: int) -> subprocess.CompletedProcess[str]:
        """Run one command. Raises TimeoutExpired where it takes longer than `seconds`."""
        with tempfile.TemporaryDirectory() as folder:
            streams = [str(Path(folder) / name) for name in ("stdout", "stderr")]
            request = {"arguments": arguments, "environment": environment, "streams": streams, "seconds": seconds}
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            code = json.loads(self._server.stdout.readline())
            if code is None:
                raise subprocess.TimeoutExpired(arguments, seconds)
            texts = [Path(name).read_text(encoding="utf-8", errors="surrogateescape") for name in streams]
        return subprocess.CompletedProcess(arguments, code, *texts)

    def stop(self) -> None:
        self._server.kill()  # it holds nothing that would have to be closed
        self._server.wait()


def _fork(arguments: list[str], environment: dict[str, str], streams: list[str], seconds: int) -> int | None:
    """Exit code of the command, None where it took too long. The child returns from here as well, with _IN_CHILD."""
    child = os.fork()
    if child == 0:
        os.environ.clear()
        os.environ.update(environment)
        for descriptor, name in enumerate(["/dev/null", *streams]):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), descriptor)
        sys.argv = ["engine", *arguments]
        return _IN_CHILD
    try:
        return os.waitstatus_to_exitcode(_wait(child, seconds))
    except TimeoutError:
        os.kill(child, 9)
        os.waitpid(child, 0)
        return None


def _wait(child: int, seconds: int) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.005)
    raise TimeoutError


if __name__ == "__main__":
    sys.path[0] = str(PROJECT)
    for module in ("engine.cli", "torch", "torchvision", "timm", "cv2", "scipy.stats", "sklearn.linear_model", "pyarrow.parquet"):
        importlib.import_module(module)
    for line in sys.stdin:
        code = _fork(**json.loads(line))
        if code == _IN_CHILD:
            # Out of the loop over the server's standard input, so that the command ends as an interpreter does.
            runpy.run_module("engine", run_name="__main__", alter_sys=True)
        sys.stdout.write(json.dumps(code) + "\n")
        sys.stdout.flush()
