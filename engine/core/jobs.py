"""Work in the background: a process of its own, whose progress stands in a file, and which can be ended at any moment.

Files in the job's folder: `work.json` (what it is doing), `lease` (held by the live process), `stop` (a request to end).
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.core.children import start_module
from engine.core.disk import disk_error
from engine.core.errors import DiskError, UserError
from engine.core.files import create_folder, overwrite_json, read_json, remove, touch, write_json
from engine.core.lease import Lease, is_held

_INTERVAL = 0.3  # seconds between two updates of the file
_STARTING = "starting"
_DESCRIPTOR = "SCENESCOPE_JOB_LEASE"  # tells a job's process which open file is its lease

ReportProgress = Callable[[str, int, int], None]  # phase, done, total; raises Stopped where the job is to end


class JobStopped(Exception):
    """The job was asked to end; what it has done is kept."""


@dataclass(frozen=True)
class JobStatus:
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
        create_folder(self.folder)
        lease = Lease(self._lease)
        if not lease.take():
            return
        try:
            remove(self.folder / "stop")
            lease.clear()
            self._write(JobStatus("working", _STARTING))
            # The process holds the lease from its first moment: one that ends before it does anything is seen to have ended.
            start_module(
                [self.module, self.argument], descriptor=lease.descriptor, environment={_DESCRIPTOR: str(lease.descriptor)}
            )
        finally:
            lease.hand_over()

    def stop(self) -> None:
        """Ask the process to end; what it has done is kept."""
        create_folder(self.folder)
        touch(self.folder / "stop")

    @property
    def running(self) -> bool:
        return is_held(self._lease)

    def status(self) -> JobStatus:
        """What the process is doing, or how the last one ended."""
        while True:
            written = self._written()
            if written.state != "working" or self.running:
                return written
            # The process may have ended well, or another may have been started, between the two looks.
            if self._written() == written:
                return replace(
                    written,
                    state="failed",
                    message="The process ended unexpectedly.",
                    hint="Start it again: it continues where it stopped.",
                )

    def run(self, body: Callable[[ReportProgress], object]) -> int:
        """Do the work in this process, unless another is at it; the exit code. SIGTERM ends it as `stop` does."""
        create_folder(self.folder)
        lease = Lease(self._lease)
        descriptor = os.environ.pop(_DESCRIPTOR, None)
        if not (descriptor and lease.adopt(int(descriptor)) or lease.acquire()):
            return 0
        recorder = _Recorder(self)
        signal.signal(signal.SIGTERM, lambda *_: recorder.end())
        try:
            body(recorder)
        except JobStopped:
            self._write_last(JobStatus("stopped"))
        except Exception as error:
            if (problem := error if isinstance(error, UserError) else disk_error(error)) is not None:
                self._write_last(JobStatus("failed", message=problem.message, hint=problem.hint))
                return 2
            self._write_last(JobStatus("failed", message=f"Unexpected {type(error).__name__}: {error}"))
            raise
        else:
            self._write_last(JobStatus("done"))
        finally:
            lease.release()
        return 0

    def _written(self) -> JobStatus:
        document = read_json(self.folder / "work.json")
        return (
            JobStatus(**{key: value for key, value in document.items() if key in JobStatus.__dataclass_fields__})
            if document
            else JobStatus()
        )

    @property
    def _lease(self) -> Path:
        return self.folder / "lease"

    def _write(self, work: JobStatus) -> None:
        write_json(self.folder / "work.json", asdict(replace(work, updated=time.time())))

    def _write_last(self, work: JobStatus) -> None:
        """How it ended, as far as the disk lets it: the work itself is done, or has said what is wrong."""
        with contextlib.suppress(DiskError):
            overwrite_json(self.folder / "work.json", asdict(replace(work, updated=time.time())))


class _Recorder:
    """Writes the progress into the file, not more often than a page looks."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._work = JobStatus()
        self._ending = False

    def end(self) -> None:
        """What the file `stop` does, for this process alone, and on any disk."""
        self._ending = True

    def __call__(self, phase: str, done: int, total: int) -> None:
        if self._ending or (self._job.folder / "stop").exists():
            raise JobStopped
        now = time.time()
        if phase != self._work.phase:
            self._work = JobStatus("working", phase, done, total, first=done, began=now, updated=now)
        elif now - self._work.updated > _INTERVAL:
            self._work = replace(self._work, done=done, total=total, updated=now)
        else:
            return
        with contextlib.suppress(DiskError):  # progress that cannot be told is no reason to end
            self._job._write(self._work)
