"""The writing side of a run directory: events, status, stop marker. One process writes, everybody else only reads."""

import contextlib
import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.core.disk import FULL, disk_error, free_bytes
from engine.core.errors import DiskError
from engine.core.files import overwrite_json, read_json, sweep, write_json
from engine.core.number_text import duration
from engine.core.progress import Cancelled, Pace, Progress
from engine.runs.event_log import EventLog
from engine.runs.events import Event, Message
from engine.runs.run import FINISH, State

T = TypeVar("T")

_STATUS_INTERVAL = 0.5  # seconds between two progress updates of status.json
_LOOK = 0.5  # seconds between two looks at the free space of a full disk
_RETRY = 5.0  # seconds after which a write is tried again where the disk does not say how much space there is
_RESERVE = 1 << 20  # bytes that must be free beside what a write takes, before it is tried again
_GOES_ON = "Free some space: the run then continues by itself."


class Recorder:
    """What a training reports to. This one records nothing: the processes of ranks other than 0 use it, rank 0 a `RunRecorder`."""

    def record(self, event: Event) -> None:
        """Record one event."""

    def show_progress(self, progress: Progress) -> None:
        """Show how far the present state is."""

    def report(self, progress: Progress) -> None:
        """Show the progress. Raises Cancelled where the run is to end: for work that need not save anything first."""
        self.show_progress(progress)
        if self.stop_requested():
            raise Cancelled

    def state(self, state: State, detail: str = "") -> None:
        """Enter a state of the run."""

    def retry_when_full(self, action: Callable[..., T], *arguments: Any, **keywords: Any) -> T:
        """What `action` returns."""
        return action(*arguments, **keywords)

    def stop_requested(self) -> bool:
        """Whether the run is to save and end."""
        return False

    def finish_requested(self) -> bool:
        """Whether the training is to end here, and its best epoch to be scored."""
        return False


class RunRecorder(Recorder):
    """Appends events to `events.jsonl` and keeps `status.json` true."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Files that a killed writer left half-written; nobody else writes here while the lease is held.
        sweep(path)
        self._events = EventLog(path / "events.jsonl")
        self._state: State = "queued"
        self._pace = Pace()
        self._phase = ""
        self._last_status = 0.0
        self._stop_signalled = False
        self._waiting_since = 0.0

    def record(self, event: Event) -> None:
        self.append(event.to_event())
        if isinstance(event, Message):
            with contextlib.suppress(OSError):  # the log's disk may be full
                print(event.text, flush=True)  # noqa: T201 - train.log is this process's standard output

    def append(self, event: dict[str, Any]) -> None:
        """Append a line to `events.jsonl`."""
        self.retry_when_full(self._events.append, event)

    def state(self, state: State, detail: str = "") -> None:
        """Enter a state: written to both files at once."""
        self._state, self._pace, self._phase = state, Pace(), ""
        self.append({"kind": "state", "state": state, "detail": detail})
        progress = 1.0 if state == "finished" else 0.0
        document = {"state": state, "detail": detail, "progress": progress, "updated": time.time()}
        self.retry_when_full(_write_status, self.path, document, durable=True)

    def record_end(
        self, state: State, error: str = "", hint: str = "", detail: str | None = None, cause: Event | None = None
    ) -> None:
        """Enter the state in which the process ends, as far as the disk allows. `cause`: an event that says more than the error.

        Nothing waits for space here: each write is tried once, whether or not the one before it failed.
        """
        document = {"state": state, "error": error, "hint": hint} | ({} if detail is None else {"detail": detail})
        events = [{"kind": "state", "detail": "", **document}]
        if error:
            message = f"{error} {hint}".strip()
            with contextlib.suppress(OSError):
                print(message, flush=True)  # noqa: T201 - train.log
            events.insert(0, Message(message, "error").to_event())
        if cause:
            events.insert(0, cause.to_event())
        for event in events:
            with contextlib.suppress(OSError):
                self._events.append(event)
        # Last: the status counts most, and space may have been freed meanwhile.
        with contextlib.suppress(OSError):
            overwrite_status(self.path, document)

    def retry_when_full(self, action: Callable[..., T], *arguments: Any, **keywords: Any) -> T:
        """What `action` returns. Where the disk is full, the run says so, waits until there is space, and tries again.

        Raises Cancelled where the run is asked to end while it waits.
        """
        while True:
            try:
                result = action(*arguments, **keywords)
            except Exception as error:
                problem = disk_error(error, self.path)
                if problem is None or problem.errno not in FULL:
                    raise
                self._wait_for_space(problem)
                continue
            if self._waiting_since:
                self._report_end_of_wait()
            return result

    def _wait_for_space(self, problem: DiskError) -> None:
        if not self._waiting_since:
            self._waiting_since = time.time()
            document = {"state": self._state, "detail": problem.message, "hint": _GOES_ON, "waiting": True}
            with contextlib.suppress(OSError):
                overwrite_status(self.path, document)
        end = time.monotonic() + _RETRY
        while True:
            if self.stop_requested():
                raise Cancelled
            time.sleep(_LOOK)
            # A full quota does not show in the disk's free space: the write itself is tried now and then.
            if time.monotonic() > end and problem.errno != errno.ENOSPC:
                return
            if problem.errno == errno.ENOSPC and free_bytes(problem.filename or self.path) > problem.needed + _RESERVE:
                return

    def _report_end_of_wait(self) -> None:
        seconds, self._waiting_since = time.time() - self._waiting_since, 0.0
        self.record(Message(f"The disk was full; the run waited {duration(seconds)} for space and continues.", "warning"))
        # Until the next progress says where the run is.
        status = read_status(self.path)
        if status:
            with contextlib.suppress(OSError):
                _write_status(self.path, {**status, "detail": "", "hint": "", "waiting": False, "state": self._state})

    def wait_in_queue(self, detail: str) -> None:
        """Say why the run waits. `updated` stays the time of queueing."""
        _write_status(self.path, {**read_status(self.path), "state": "queued", "detail": detail, "in_queue": True})

    def stop_requested(self) -> bool:
        return self._stop_signalled or self._request() not in ("", FINISH)

    def finish_requested(self) -> bool:
        return self._request() == FINISH

    def _request(self) -> str:
        """The word in the stop marker; "" where there is none."""
        try:
            return (self.path / "stop").read_text() or "stop"
        except FileNotFoundError:
            return ""

    def request_stop(self) -> None:
        """What SIGTERM does: the same as the marker file, for this process alone."""
        self._stop_signalled = True

    def show_progress(self, progress: Progress) -> None:
        """Write the progress to status.json, and nowhere else: several come per second, and only the latest counts."""
        eta, now = self._pace.seconds_left(progress), time.monotonic()
        if progress.phase == self._phase and now - self._last_status < _STATUS_INTERVAL and progress.done < progress.total:
            return
        self._phase, self._last_status = progress.phase, now
        document = {
            "state": self._state,
            "detail": progress.phase,
            "progress": progress.share,
            "eta": eta,
            "updated": time.time(),
        }
        self.retry_when_full(_write_status, self.path, document)


def read_status(path: Path) -> dict[str, Any]:
    """The content of status.json; empty where it is missing or damaged."""
    document = read_json(path / "status.json")
    return document if isinstance(document, dict) else {}


def overwrite_status(path: Path, changes: dict[str, Any]) -> None:
    """Replace status.json, or write over it where the disk has no space for a second file."""
    document = {**read_status(path), "eta": None, "waiting": False, "in_queue": False, "updated": time.time(), **changes}
    overwrite_json(path / "status.json", document, durable=True)


def _write_status(path: Path, document: dict[str, Any], durable: bool = False) -> None:
    # A run directory that was deleted stays deleted.
    write_json(path / "status.json", document, durable, make_folder=False)
