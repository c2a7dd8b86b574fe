"""Work in the background: a process of its own, whose progress stands in a file, and which can be ended at any moment.

Files in the job's folder: `work.json` (what it is doing), `lease` (held by the live process), `stop` (a request to end).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.errors import UserError
from engine.files import read_json, write_json
from engine.home import PROJECT
from engine.lease import Lease, is_held

_INTERVAL = 0.3  # seconds between two updates of the file
_GRACE = 20.0  # seconds that an interpreter may need to start
_LOST = 2.0  # seconds without the lease after which a process that had begun is gone
_STARTING = "starting"

Report = Callable[[str, int, int], None]  # phase, done, total; raises Stopped where the job is to end


class Stopped(Exception):
    """The job was asked to end; what it has done is kept."""


@dataclass(frozen=True)
class Work:
    """What a job is doing. `state`: none, working, stopped, failed, done; `began` is when the phase began."""

    state: str = "none"
    phase: str = ""
    done: int = 0
    total: int = 0
    first: int = 0  # `done` at the phase's first update: what was there before is no measure of speed
    began: float = 0.0
    updated: float = 0.0
    message: str = ""
    hint: str = ""

    @property
    def eta(self) -> float | None:
        """Seconds until the phase ends; None where it cannot be told yet."""
        fresh, elapsed = self.done - self.first, self.updated - self.began
        return elapsed / fresh * (self.total - self.done) if fresh > 0 and elapsed > 1 else None


@dataclass(frozen=True)
class Job:
    """A job by its folder. `module` is run as `python -m module argument`, and calls `run`."""

    folder: Path
    module: str
    argument: str

    def start(self) -> None:
        """Begin, or go on, in a process of its own, unless one is at it."""
        if is_held(self._lease):
            return
        (self.folder / "stop").unlink(missing_ok=True)
        self._write(Work("working", _STARTING))
        subprocess.Popen(
            [sys.executable, "-m", self.module, self.argument],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env=dict(os.environ),
        )  # fmt: skip

    def stop(self) -> None:
        """Ask the process to end; what it has done is kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stop").touch()

    @property
    def running(self) -> bool:
        return is_held(self._lease)

    def work(self) -> Work:
        """What the process is doing, or how the last one ended."""
        document = read_json(self.folder / "work.json")
        known = {key: value for key, value in document.items() if key in Work.__dataclass_fields__} if document else {}
        found = Work(**known)
        patience = _GRACE if found.phase == _STARTING else _LOST
        if found.state == "working" and time.time() - found.updated > patience and not self.running:
            return replace(found, state="failed", message="The process has ended.", hint="Start it again: it goes on.")
        return found

    def run(self, body: Callable[[Report], None]) -> int:
        """Do the work in this process, unless another is at it; the exit code. SIGTERM ends it as `stop` does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lease = Lease(self._lease)
        if not lease.acquire():
            return 0
        recorder = _Recorder(self)
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        try:
            body(recorder)
        except Stopped:
            self._write(Work("stopped"))
        except UserError as error:
            self._write(Work("failed", message=error.message, hint=error.hint))
            return 2
        except Exception as error:
            self._write(Work("failed", message=f"Unexpected {type(error).__name__}: {error}"))
            raise
        else:
            self._write(Work("done"))
        finally:
            lease.release()
        return 0

    @property
    def _lease(self) -> Path:
        return self.folder / "lease"

    def _write(self, work: Work) -> None:
        write_json(self.folder / "work.json", asdict(replace(work, updated=time.time())))


class _Recorder:
    """Writes the progress into the file, not more often than a page looks."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._work = Work()

    def __call__(self, phase: str, done: int, total: int) -> None:
        if (self._job.folder / "stop").exists():
            raise Stopped
        now = time.time()
        if phase != self._work.phase:
            self._work = Work("working", phase, done, total, first=done, began=now, updated=now)
        elif now - self._work.updated > _INTERVAL:
            self._work = replace(self._work, done=done, total=total, updated=now)
        else:
            return
        self._job._write(self._work)
