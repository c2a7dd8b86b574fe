"""Background jobs: each is a process that writes its progress to a file and can be stopped at any moment.

Files in the job's folder: `work.json` (its status), `job.json` (what it is about), `lease` (locked by the live process), `stop` (a
request to stop), `job.log` (what its processes print).
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from engine.core.disk import disk_error
from engine.core.errors import DiskError, UserError
from engine.core.exit_cause import DeadProcess
from engine.core.failure import explain
from engine.core.files import create_folder, overwrite_json, read_json, remove, touch, write_json
from engine.core.job_kinds import KINDS, KindName
from engine.core.lease import Lease, is_held
from engine.core.paths import cache_dir, home
from engine.core.processes import begin_log, log_tail, start_process, take_lease
from engine.core.progress import Cancelled, Pace, Progress, ReportProgress

_INTERVAL = 0.3  # seconds between two updates of the status file
_STARTING = "starting"
_RESUME = "Start it again: it continues where it stopped."
_THEN_RESUME = "then start it again: it continues where it stopped."

JobState = Literal["none", "working", "stopped", "failed", "done"]


@dataclass(frozen=True)
class JobStatus:
    """A job's status. `eta`: seconds until its phase ends, None where unknown; `updated`: in seconds since 1970."""

    state: JobState = "none"
    phase: str = ""
    done: int = 0
    total: int = 0
    eta: float | None = None
    updated: float = 0.0
    message: str = ""
    hint: str = ""

    @property
    def progress(self) -> Progress:
        return Progress(self.phase, self.done, self.total)


@dataclass(frozen=True)
class Job:
    """A job, identified by its folder. Its process runs `python -m MODULE argument`, which calls `run`.

    `about`: what it works on, such as {"dataset": "intel"} or {"run": "fast-1", "format": "onnx"}.
    """

    kind: KindName
    folder: Path
    argument: str
    about: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """Names the job for the command line: `audit/intel`."""
        pattern = KINDS[self.kind].folders.split("/")
        parts = zip(pattern, self.folder.parts[-len(pattern) :], strict=True)
        return "/".join([self.kind, *(part[one.index("*") :] for one, part in parts if "*" in one)])

    @property
    def title(self) -> str:
        """Names the job for people: `Audit: intel`."""
        return ": ".join(filter(None, [KINDS[self.kind].title, ", ".join(self.about.values())]))

    def start(self) -> None:
        """Start or continue the job in a new process, unless one is running."""
        create_folder(self.folder)
        lease = Lease(self._lease)
        if not lease.take():
            return
        try:
            remove(self.folder / "stop")  # a request from before this start
            lease.clear()
            self._register()
            self._write(JobStatus("working", _STARTING))
            # The process inherits the lease: if it dies before it does anything, the lock is released and `status` reports the failure.
            start_process(KINDS[self.kind].module, self.argument, lease, self._log)
        finally:
            lease.hand_over()

    def stop(self) -> None:
        """Request a stop; what the job has done is kept."""
        create_folder(self.folder)
        touch(self.folder / "stop")

    @property
    def stop_requested(self) -> bool:
        return (self.folder / "stop").exists()

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
                starting = status.phase == _STARTING
                dead = DeadProcess(self._lease, self._log, status.updated, starting, f"it was {status.phase}", _RESUME)
                message, hint = dead.diagnose()
                return replace(status, state="failed", eta=None, message=message, hint=hint)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that its processes have printed."""
        return log_tail(self._log, lines)

    def run(self, body: Callable[[ReportProgress], object]) -> int:
        """Do the job in this process, unless another is doing it, and return the exit code. SIGTERM stops it as `stop` does."""
        create_folder(self.folder)
        lease = take_lease(self._lease)
        if lease is None:
            return 0
        if lease.inherited:  # otherwise the output is a terminal's
            begin_log()
        self._register()
        recorder = _Recorder(self)
        signal.signal(signal.SIGTERM, lambda *_: recorder.request_stop())
        try:
            body(recorder)
        except Cancelled:
            self._write_last(JobStatus("stopped"))
        except Exception as error:
            message, hint = explain(error, _THEN_RESUME, "Close other programs, then start it again.", self._log.name)
            self._write_last(JobStatus("failed", message=message, hint=hint))
            if isinstance(error, UserError) or disk_error(error):
                return 2
            raise
        else:
            self._write_last(JobStatus("done"))
        finally:
            with contextlib.suppress(OSError):
                remove(self._ticket)
            lease.release()
        return 0

    def _read_status(self) -> JobStatus:
        document = _read_object(self.folder / "work.json")
        # Another version of the program may have written fields that this one does not know.
        return JobStatus(**{key: value for key, value in document.items() if key in JobStatus.__dataclass_fields__})

    def _register(self) -> None:
        """Make it one of `list_jobs`. The caller must hold the lease."""
        with contextlib.suppress(OSError):  # on a full disk it works unlisted
            write_json(self.folder / "job.json", {"argument": self.argument, "about": dict(self.about)})
            create_folder(_tickets())
            touch(self._ticket)

    @property
    def _ticket(self) -> Path:
        return _tickets() / self.name.replace("/", ":")

    @property
    def _lease(self) -> Path:
        return self.folder / "lease"

    @property
    def _log(self) -> Path:
        return self.folder / "job.log"

    def _write(self, status: JobStatus) -> None:
        write_json(self.folder / "work.json", asdict(replace(status, updated=time.time())))

    def _write_last(self, status: JobStatus) -> None:
        """Write how the job ended, if the disk allows: a full disk must not turn finished work into a failure."""
        with contextlib.suppress(DiskError):
            overwrite_json(self.folder / "work.json", asdict(replace(status, updated=time.time())))


def list_jobs() -> list[Job]:
    """The jobs of this home whose processes are alive, by name."""
    # By the tickets: among thousands of runs, the folders of all jobs that ever were take a second to look through.
    names = sorted(os.listdir(_tickets())) if _tickets().is_dir() else []
    jobs = (_find_job(*name.split(":")) for name in names)
    return [job for job in jobs if job is not None and job.running]


def _tickets() -> Path:
    """The folder with an empty file per job that is at work, or that was killed. Its name is that of the job, with colons."""
    return cache_dir("jobs")


def _find_job(kind: str, *ids: str) -> Job | None:
    known = next((one for one in KINDS if one == kind), None)
    if known is None:  # of a later version
        return None
    pattern = KINDS[known].folders
    return _load_job(known, home() / pattern.replace("*", "{}").format(*ids)) if pattern.count("*") == len(ids) else None


def load_jobs(kind: KindName) -> list[Job]:
    """The jobs of one kind that were ever started in this home, alive or not."""
    return [_load_job(kind, folder) for folder in sorted(home().glob(f"{KINDS[kind].folders}/"))]


def _load_job(kind: KindName, folder: Path) -> Job:
    document = _read_object(folder / "job.json")
    about = document.get("about")
    return Job(kind, folder, str(document.get("argument", "")), about if isinstance(about, dict) else {})


def _read_object(file: Path) -> dict[str, Any]:
    """The file's JSON object; empty where it is missing, damaged, or of an earlier version."""
    document = read_json(file)
    return document if isinstance(document, dict) else {}


class _Recorder:
    """Writes the progress to the status file, no more often than a page reads it."""

    def __init__(self, job: Job) -> None:
        self._job, self._pace = job, Pace()
        self._phase, self._updated = "", 0.0
        self._stop_requested = False

    def request_stop(self) -> None:
        """Request a stop of this process, without the file `stop`: from a signal handler, and on a full disk."""
        self._stop_requested = True

    def __call__(self, progress: Progress) -> None:
        if self._stop_requested or self._job.stop_requested:
            raise Cancelled
        eta, now = self._pace.seconds_left(progress), time.monotonic()
        if progress.phase == self._phase and now - self._updated <= _INTERVAL:
            return
        self._phase, self._updated = progress.phase, now
        with contextlib.suppress(DiskError):  # progress that cannot be written is no reason to stop
            self._job._write(JobStatus("working", progress.phase, progress.done, progress.total, eta))
