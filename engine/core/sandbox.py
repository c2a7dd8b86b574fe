"""Reading files that come from elsewhere: in a process of its own, with bounded memory and time.

A pickle, a graph or a header may ask for a terabyte, loop for ever or crash its reader. What the process cannot read in its
bounds is refused in a sentence; the caller's own memory never holds it.
"""

import contextlib
import importlib
import json
import math
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.core.errors import UserError
from engine.core.paths import PROJECT

_STARTING = 120.0  # seconds that an interpreter with torch may need on a busy machine
_POLL = 0.05
_SMALL = 16 << 20  # bytes: a file of holes of this size harms nobody
_READY = b"ready\n"
_THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_OUT_OF_MEMORY = re.compile(r"can't allocate memory|bad_alloc|std::length_error|not enough memory|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class SandboxLimits:
    """Bytes above what the loaded libraries take, seconds of computing, and seconds in all: a busy machine computes late."""

    memory: int = 300 << 20
    computing: float = 6.0
    waiting: float = 20.0

    def for_file(self, file: Path) -> "SandboxLimits":
        """More for a large file, by what it takes on the disk: holes count for nothing."""
        stored = stored_bytes(file)
        more = stored / (40 << 20)
        return SandboxLimits(self.memory + round(1.75 * stored), self.computing + more, self.waiting + 3 * more)


def check_ordinary(file: Path, most_bytes: int) -> None:
    """Raises UserError for a file that is missing, too large, or not a file: a pipe would be waited for without end."""
    try:
        status = file.stat()
    except FileNotFoundError:
        raise UserError(f"There is no file {str(file)!r}.") from None
    except (OSError, ValueError) as error:
        raise refusal(file, getattr(error, "strerror", "") or "its name is not one") from None
    if not stat.S_ISREG(status.st_mode):
        raise refusal(file, "it is a folder, a pipe or a device")
    if status.st_size > most_bytes:
        raise refusal(file, f"it has {status.st_size / 2**30:,.1f} GB, and the limit is {most_bytes >> 30} GB")
    if _is_hollow(file, status):
        raise refusal(file, "most of it is holes, which no model has")


def _is_hollow(file: Path, status: os.stat_result) -> bool:
    """Whether the disk holds less than half of a large file: read, it would take all of its size."""
    blocks = getattr(status, "st_blocks", None)  # Windows does not say
    if blocks is None or status.st_size < _SMALL or blocks * 512 >= status.st_size / 2:
        return False
    if not hasattr(os, "SEEK_HOLE"):
        return True
    # A file system that packs files, or writes them late, counts few blocks too, but knows of no hole before the end.
    try:
        with open(file, "rb") as stream:
            return os.lseek(stream.fileno(), 0, os.SEEK_HOLE) < status.st_size
    except OSError as error:
        raise refusal(file, error.strerror or "its disk does not answer") from None


def stored_bytes(file: Path) -> int:
    """What the file takes on the disk, where the system says so; else its size. Raises OSError."""
    status = file.stat()
    blocks = getattr(status, "st_blocks", 0)
    return min(status.st_size, blocks * 512) if blocks else status.st_size


def call(function: str, arguments: dict[str, Any], file: Path, limits: SandboxLimits = SandboxLimits()) -> Any:
    """What `module:function(**arguments)` returns, as JSON, of a process that reads `file`. Raises UserError.

    Errors of the function other than UserError are put down to the file: it is their only input.
    """
    with tempfile.TemporaryDirectory(prefix="scenescope-") as folder:
        answer = Path(folder, "answer.json")
        request = {"function": function, "arguments": arguments, "answer": str(answer), "limits": asdict(limits)}
        with subprocess.Popen(
            [sys.executable, "-m", "engine.core.sandbox"], cwd=PROJECT, env={**os.environ, **_THREADS},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            try:
                problem = _follow(process, json.dumps(request).encode(), limits)
            finally:
                process.kill()
        if problem:
            raise refusal(file, problem)
        try:
            document = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # killed by the system, or crashed
            raise refusal(file, "the process that read it ended") from None
    if "error" in document:
        raise UserError(document["error"], document["hint"])
    if "problem" in document:
        raise refusal(file, document["problem"])
    return document["result"]


def refusal(file: Path, problem: str) -> UserError:
    return UserError(f"{str(file)!r} cannot be read: {problem}.", "Export or save it again, or ask whoever made it.")


def _follow(process: subprocess.Popen, request: bytes, limits: SandboxLimits) -> str:
    """Wait until the process has ended; why it was ended before, or ""."""
    assert process.stdin and process.stdout  # `call` asks for both pipes
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(request)
    if process.stdout.readline() != _READY:  # it ends by itself after `_STARTING`
        return "the process that reads it did not start"
    began, watched = time.monotonic(), psutil.Process(process.pid)
    before = _resident(watched)
    while process.poll() is None:
        # The system's own limits, where it has them, are met first.
        if _resident(watched) - before > 1.2 * limits.memory:
            return "it needs far more memory than a model of its size"
        if time.monotonic() - began > limits.waiting:
            return "reading it takes far longer than a model of its size"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)
    return "reading it takes far longer than a model of its size" if _ran_out_of_time(process.returncode) else ""


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _ran_out_of_time(code: int) -> bool:
    return code == -getattr(signal, "SIGXCPU", 0) != 0


def _restrict(limits: SandboxLimits) -> None:
    """Bound this process by the system's means, as far as there are any (macOS heeds some of them alone)."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + limits.computing)
    wanted = [("RLIMIT_CPU", seconds), ("RLIMIT_CORE", 0), ("RLIMIT_DATA", _data_bytes() + limits.memory)]
    for name, value in wanted:
        with contextlib.suppress(ValueError, OSError, AttributeError):
            number = getattr(resource, name)
            resource.setrlimit(number, (value, resource.getrlimit(number)[1]))


def _data_bytes() -> int:
    """What this process has allocated, as RLIMIT_DATA counts it."""
    with contextlib.suppress(OSError):
        if match := re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text()):
            return int(match[1]) * 1024
    return psutil.Process().memory_info().vms


def run_request(request: dict[str, Any]) -> dict[str, Any]:
    """What the process answers: a result, an error, or a problem with the file. It restricts the process that calls it."""
    module, _, name = request["function"].partition(":")
    function, limits = getattr(importlib.import_module(module), name), SandboxLimits(**request["limits"])
    _restrict(limits)
    _end_in(2 * limits.waiting)
    # The caller's clock begins here: how long the libraries take to load says nothing about the file.
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    try:
        return {"result": function(**request["arguments"])}
    except UserError as error:
        return {"error": error.message, "hint": error.hint}
    except (MemoryError, RecursionError):
        return {"problem": "it needs far more memory than a model of its size"}
    except Exception as error:  # whatever a damaged file makes a library raise
        if _OUT_OF_MEMORY.search(str(error)):
            return {"problem": "it needs far more memory than a model of its size"}
        return {"problem": "it is damaged, or something else than its name says"}


def _end_in(seconds: float) -> None:
    """End this process after so many seconds, or not at all after 0: its caller may be gone."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


def main() -> None:
    _end_in(_STARTING)
    request = json.load(sys.stdin)
    document = run_request(request)
    Path(request["answer"]).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
