"""Reads files from untrusted sources in a separate process with limited memory and time.

A pickle, a graph or a header may request a terabyte, loop forever or crash its reader. A file that cannot be read within the
limits is refused with a sentence, and never enters the caller's memory.
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

_STARTING = 120.0  # seconds that starting an interpreter with torch may take on a busy machine
_POLL = 0.05
_SMALL = 16 << 20  # bytes: a sparse file up to this size does no harm
_READY = b"ready\n"
_THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_OUT_OF_MEMORY = re.compile(r"can't allocate memory|bad_alloc|std::length_error|not enough memory|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class SandboxLimits:
    """Bytes beyond what the loaded libraries take, seconds of CPU time, and seconds in all (a busy machine computes late)."""

    memory: int = 300 << 20
    computing: float = 6.0
    waiting: float = 20.0

    def for_file(self, file: Path) -> "SandboxLimits":
        """Higher limits for a large file, by its size on the disk: the holes of a sparse file do not count."""
        stored = stored_bytes(file)
        more = stored / (40 << 20)
        return SandboxLimits(self.memory + round(1.75 * stored), self.computing + more, self.waiting + 3 * more)


def check_ordinary(file: Path, max_bytes: int) -> None:
    """Raise UserError for a file that is missing, too large, or not a regular file: reading a pipe would wait forever."""
    try:
        status = file.stat()
    except FileNotFoundError:
        raise UserError(f"There is no file {str(file)!r}.") from None
    except (OSError, ValueError) as error:
        raise refusal(file, getattr(error, "strerror", "") or "its name is not valid") from None
    if not stat.S_ISREG(status.st_mode):
        raise refusal(file, "it is a folder, a pipe or a device")
    if status.st_size > max_bytes:
        raise refusal(file, f"it has {status.st_size / 2**30:,.1f} GB, and the limit is {max_bytes >> 30} GB")
    if _is_sparse(file, status):
        raise refusal(file, "most of it is empty (a sparse file), which no model is")


def _is_sparse(file: Path, status: os.stat_result) -> bool:
    """Whether less than half of a large file is on the disk: in memory it would take its full size."""
    blocks = getattr(status, "st_blocks", None)  # missing on Windows
    if blocks is None or status.st_size < _SMALL or blocks * 512 >= status.st_size / 2:
        return False
    if not hasattr(os, "SEEK_HOLE"):
        return True
    # A file system that compresses files, or allocates late, also reports few blocks, but no hole before the end.
    try:
        with open(file, "rb") as stream:
            return os.lseek(stream.fileno(), 0, os.SEEK_HOLE) < status.st_size
    except OSError as error:
        raise refusal(file, error.strerror or "its disk does not respond") from None


def stored_bytes(file: Path) -> int:
    """The file's size on the disk, where the system reports it; else its length. Raises OSError."""
    status = file.stat()
    blocks = getattr(status, "st_blocks", 0)
    return min(status.st_size, blocks * 512) if blocks else status.st_size


def call(function: str, arguments: dict[str, Any], file: Path, limits: SandboxLimits = SandboxLimits()) -> Any:
    """The result of `module:function(**arguments)`, run in a process that reads `file`; passed back as JSON. Raises UserError.

    Errors of the function other than UserError are attributed to the file, its only input.
    """
    with tempfile.TemporaryDirectory(prefix="scenescope-") as folder:
        output = Path(folder, "result.json")
        request = {"function": function, "arguments": arguments, "output": str(output), "limits": asdict(limits)}
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
            document = json.loads(output.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # killed by the system, or crashed
            raise refusal(file, "the process that read it ended") from None
    if "error" in document:
        raise UserError(document["error"], document["hint"])
    if "problem" in document:
        raise refusal(file, document["problem"])
    return document["result"]


def refusal(file: Path, problem: str) -> UserError:
    """The error for a file that cannot be read; `problem` is half a sentence."""
    return UserError(f"{str(file)!r} cannot be read: {problem}.", "Export or save it again, or ask the person who made it.")


def _follow(process: subprocess.Popen, request: bytes, limits: SandboxLimits) -> str:
    """Wait for the process to end; the reason why it had to be stopped, or ""."""
    assert process.stdin and process.stdout  # `call` opens both pipes
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(request)
    if process.stdout.readline() != _READY:  # the line is missing if the process ended, at the latest after `_STARTING`
        return "the process that reads it did not start"
    began, child = time.monotonic(), psutil.Process(process.pid)
    before = _resident(child)
    while process.poll() is None:
        # Where the system supports limits, `_restrict` makes it stop the process before this does.
        if _resident(child) - before > 1.2 * limits.memory:
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
    """Limit this process by the system's means where it has any (macOS honours only some of them)."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + limits.computing)
    limits_by_name = [("RLIMIT_CPU", seconds), ("RLIMIT_CORE", 0), ("RLIMIT_DATA", _data_bytes() + limits.memory)]
    for name, value in limits_by_name:
        with contextlib.suppress(ValueError, OSError, AttributeError):
            number = getattr(resource, name)
            resource.setrlimit(number, (value, resource.getrlimit(number)[1]))


def _data_bytes() -> int:
    """Bytes that this process has allocated, as RLIMIT_DATA counts them."""
    with contextlib.suppress(OSError):
        if match := re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text()):
            return int(match[1]) * 1024
    return psutil.Process().memory_info().vms


def run_request(request: dict[str, Any]) -> dict[str, Any]:
    """Run a request: a document with the result, an error, or a problem with the file. Restricts the calling process."""
    module, _, name = request["function"].partition(":")
    function, limits = getattr(importlib.import_module(module), name), SandboxLimits(**request["limits"])
    _restrict(limits)
    _end_in(2 * limits.waiting)
    # The caller starts its clock here: how long the libraries take to load says nothing about the file.
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    try:
        return {"result": function(**request["arguments"])}
    except UserError as error:
        return {"error": error.message, "hint": error.hint}
    except (MemoryError, RecursionError):
        return {"problem": "it needs far more memory than a model of its size"}
    except Exception as error:  # a damaged file can make a library raise anything
        if _OUT_OF_MEMORY.search(str(error)):
            return {"problem": "it needs far more memory than a model of its size"}
        return {"problem": "it is damaged, or not what its name says"}


def _end_in(seconds: float) -> None:
    """Let the system end this process after some seconds (0: never), because its caller may be gone by then."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


def main() -> None:
    _end_in(_STARTING)
    request = json.load(sys.stdin)
    document = run_request(request)
    Path(request["output"]).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
