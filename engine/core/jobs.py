"""Background jobs: each is a process that writes its progress to a file and can be stopped at any moment.

Files in the job's folder: `work.json` (its status), `lease` (locked by the live process), `stop` (a request to stop).
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from engine.core.children import start_module
from engine.core.disk import disk_error
from engine.core.errors import DiskError, UserError
from engine.core.files import create_folder, overwrite_json, read_json, remove, touch, write_json
from engine.core.lease import Lease, is_held
from engine.core.progress import Cancelled, Progress, ReportProgress

_INTERVAL = 0.3  # seconds between two updates of the status file
_STARTING = "starting"
_DESCRIPTOR = "SCENESCOPE_JOB_LEASE"  # the inherited descriptor of the lease, for the job's process

JobState = Literal["none", "working", "stopped", "failed", "done"]


@dataclass(frozen=True)
class JobStatus:
    """A job's status. `began` is when the phase began; times are seconds since 1970."""

    state: JobState = "none"
    phase: str = ""
    done: int = 0
    total: int = 0
    first: int = 0  # `done` at the phase's first update: what was done before says nothing about the speed
    began: float = 0.0
    updated: float = 0.0
    message: str = ""
    hint: str = ""

    @property
    def eta(self) -> float | None:
        """Estimated seconds until the phase ends; None where it cannot be estimated yet."""
        steps, elapsed = self.done - self.first, self.updated - self.began
        return elapsed / steps * (self.total - self.done) if steps > 0 and elapsed > 1 else None


@dataclass(frozen=True)
class Job:
    """A job, identified by its folder. Its process runs `python -m module argument`, which calls `run`."""

    folder: Path
    module: str
    argument: str

    def start(self) -> None:
        """Start or continue the job in a new process, unless one is running."""
        create_folder(self.folder)
        lease = Lease(self._lease)
        if not lease.take():
            return
        try:
            remove(self.folder / "stop")  # a request from before this start
            lease.clear()
            self._write(JobStatus("working", _STARTING))
            # The process inherits the lease: if it dies before it does anything, the lock is released and `status` reports the failure.
            start_module(
                [self.module, self.argument], descriptor=lease.descriptor, environment={_DESCRIPTOR: str(lease.descriptor)}
            )
        finally:
            lease.hand_over()

    def stop(self) -> None:
        """Request a stop; what the job has done is kept."""
        create_folder(self.folder)
        touch(self.folder / "stop")

    @property
    def running(self) -> bool:
        return is_held(self._lease)

    def status(self) -> JobStatus:
        """The status of the running process, or how the last one ended."""
        while True:
            status = self._read_status()
            if status.state != "working" or self.running:
                return status
            # Read again: between the two reads the process may have finished, or another may have started.
            if self._read_status() == status:
                hint = "Start it again: it continues where it stopped."
                return replace(status, state="failed", message="The process ended unexpectedly.", hint=hint)

    def run(self, body: Callable[[ReportProgress], object]) -> int:
        """Do the job in this process, unless another is doing it, and return the exit code. SIGTERM stops it as `stop` does."""
        create_folder(self.folder)
        lease = Lease(self._lease)
        descriptor = os.environ.pop(_DESCRIPTOR, None)
        if not ((descriptor and lease.adopt(int(descriptor))) or lease.acquire()):
            return 0
        recorder = _Recorder(self)
        signal.signal(signal.SIGTERM, lambda *_: recorder.request_stop())
        try:
            body(recorder)
        except Cancelled:
            self._write_last(JobStatus("stopped"))
        except Exception as error:
            problem = error if isinstance(error, UserError) else disk_error(error)
            if problem is not None:
                self._write_last(JobStatus("failed", message=problem.message, hint=problem.hint))
                return 2
            self._write_last(JobStatus("failed", message=f"Unexpected {type(error).__name__}: {error}"))
            raise
        else:
            self._write_last(JobStatus("done"))
        finally:
            lease.release()
        return 0

    def _read_status(self) -> JobStatus:
        document = read_json(self.folder / "work.json", default={})
        # Another version of the program may have written fields that this one does not know.
        return JobStatus(**{key: value for key, value in document.items() if key in JobStatus.__dataclass_fields__})

    @property
    def _lease(self) -> Path:
        return self.folder / "lease"

    def _write(self, status: JobStatus) -> None:
        write_json(self.folder / "work.json", asdict(replace(status, updated=time.time())))

    def _write_last(self, status: JobStatus) -> None:
        """Write how the job ended, if the disk allows: a full disk must not turn finished work into a failure."""
        with contextlib.suppress(DiskError):
            overwrite_json(self.folder / "work.json", asdict(replace(status, updated=time.time())))


class _Recorder:
    """Writes the progress to the status file, no more often than a page reads it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._status = JobStatus()
        self._stop_requested = False

    def request_stop(self) -> None:
        """Request a stop of this process, without the file `stop`: from a signal handler, and on a full disk."""
        self._stop_requested = True

    def __call__(self, progress: Progress) -> None:
        if self._stop_requested or (self._job.folder / "stop").exists():
            raise Cancelled
        now = time.time()
        if progress.phase != self._status.phase:
            self._status = JobStatus(
                "working", progress.phase, progress.done, progress.total, first=progress.done, began=now, updated=now
            )
        elif now - self._status.updated > _INTERVAL:
            self._status = replace(self._status, done=progress.done, total=progress.total, updated=now)
        else:
            return
        with contextlib.suppress(DiskError):  # progress that cannot be written is no reason to stop
            self._job._write(self._status)
