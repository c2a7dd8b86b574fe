"""The writing side of a run directory: events, status, stop marker. One process writes, everybody else reads."""

import contextlib
import errno
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.core.disk import FULL, disk_error, free_bytes
from engine.core.errors import DiskError
from engine.core.files import append_line, open_for_lines, overwrite_json, read_json, sweep, truncate, write_json
from engine.runs.events import Event, Message, Progress
from engine.runs.run import FINISH

T = TypeVar("T")

_STATUS_INTERVAL = 0.5  # seconds between two progress updates of status.json
_LOOK = 0.5  # seconds between two looks at the room on a full disk
_RETRY = 5.0  # seconds after which a write is tried again where the disk does not say how much room there is
_ROOM = 1 << 20  # bytes that must be free beside what a write takes, before it is tried again
_GOES_ON = "Free some space: the run then continues by itself."


class Stopped(Exception):
    """The run was asked to stop, and everything is saved."""


class Recorder:
    """Appends facts to `events.jsonl` and keeps `status.json` true."""

    def __init__(self, path: Path) -> None:
        self.path = path
        sweep(path)
        self._events = EventLog(path / "events.jsonl")
        self._state = "queued"
        self._began = time.monotonic()
        self._first_done: int | None = None
        self._total = 0
        self._last_status = 0.0
        self._ending = False
        self._waiting_since = 0.0

    def record(self, fact: Event) -> None:
        if isinstance(fact, Progress):
            self._progress(fact)
            return
        self.event(fact.to_event())
        if isinstance(fact, Message):
            with contextlib.suppress(OSError):  # the log's disk may be full
                print(fact.text, flush=True)  # noqa: T201 - train.log is this process's standard output

    def event(self, event: dict[str, Any]) -> None:
        self.retry_when_full(self._events.append, event)

    def state(self, state: str, detail: str = "", **more: Any) -> None:
        """Enter a state: written to both files at once."""
        self._state, self._began, self._first_done = state, time.monotonic(), None
        self.event({"kind": "state", "state": state, "detail": detail})
        progress = 1.0 if state == "finished" else 0.0
        document = {"state": state, "detail": detail, "progress": progress, "updated": time.time(), **more}
        self.retry_when_full(_write_status, self.path, document, durable=True)

    def last_word(self, state: str, error: str = "", hint: str = "", **more: Any) -> None:
        """Enter the state in which the process ends, as far as the disk lets it: the status counts more than the event."""
        document = {"state": state, "error": error, "hint": hint, **more}
        if error:
            message = f"{error} {hint}".strip()
            with contextlib.suppress(OSError):
                print(message, flush=True)  # noqa: T201 - train.log
            with contextlib.suppress(OSError):
                self._events.append(Message(message, "error").to_event())
        with contextlib.suppress(OSError):
            self._events.append({"kind": "state", "detail": "", **document})
        with contextlib.suppress(OSError):
            overwrite_status(self.path, document)

    def retry_when_full(self, action: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What `action` gives. Where the disk is full, the run waits until there is room, says so meanwhile, and tries again.

        Raises Stopped where the run is asked to end while it waits.
        """
        while True:
            try:
                result = action(*arguments, **named)
            except Exception as error:
                problem = disk_error(error, self.path)
                if problem is None or problem.errno not in FULL:
                    raise
                self._wait_for_room(problem)
                continue
            if self._waiting_since:
                self._tell_going_on()
            return result

    def _wait_for_room(self, problem: DiskError) -> None:
        if not self._waiting_since:
            self._waiting_since = time.time()
            document = {"state": self._state, "detail": problem.message, "hint": _GOES_ON, "waiting": True}
            with contextlib.suppress(OSError):
                overwrite_status(self.path, document)
        end = time.monotonic() + _RETRY
        while True:
            if self.stop_requested():
                raise Stopped
            time.sleep(_LOOK)
            # A quota says nothing of the room on the disk: it is tried now and then.
            if time.monotonic() > end and problem.errno != errno.ENOSPC:
                return
            if problem.errno == errno.ENOSPC and free_bytes(problem.filename or self.path) > problem.needed + _ROOM:
                return

    def _tell_going_on(self) -> None:
        seconds, self._waiting_since = time.time() - self._waiting_since, 0.0
        self.record(Message(f"The disk was full; the run waited {_time_text(seconds)} for space and continues.", "warning"))
        # Until the next progress says where it is.
        known = read_json(self.path / "status.json")
        if isinstance(known, dict):
            with contextlib.suppress(OSError):
                _write_status(self.path, {**known, "detail": "", "hint": "", "waiting": False, "state": self._state})

    def wait_in_queue(self, detail: str) -> None:
        """Say why the run waits. `updated` stays the time of queueing: the order of the queue goes by it."""
        known = read_json(self.path / "status.json")
        _write_status(self.path, {**(known if isinstance(known, dict) else {}), "state": "queued", "detail": detail})

    def stop_requested(self) -> bool:
        return self._ending or self._asked() not in ("", FINISH)

    def finish_requested(self) -> bool:
        """Whether the training is to end here, and what it has learnt to be scored."""
        return self._asked() == FINISH

    def _asked(self) -> str:
        """The word of the marker; "" where there is none."""
        try:
            return (self.path / "stop").read_text() or "stop"
        except FileNotFoundError:
            return ""

    def request_stop(self) -> None:
        """What SIGTERM does: the same as the marker file, for this process alone."""
        self._ending = True

    def _progress(self, fact: Progress) -> None:
        now = time.monotonic()
        # Another phase counts other things: its time left begins anew, and the last one's full bar does not stay.
        anew = self._first_done is None or fact.done < self._first_done or fact.total != self._total
        if anew:
            self._first_done, self._began, self._total = fact.done, now, fact.total
        if not anew and now - self._last_status < _STATUS_INTERVAL and fact.done < fact.total:
            return
        self._last_status = now
        elapsed, done = now - self._began, fact.done - self._first_done
        eta = elapsed / done * (fact.total - fact.done) if done else None
        progress = fact.done / max(fact.total, 1)
        document = {"state": self._state, "detail": fact.detail, "progress": progress, "eta": eta, "updated": time.time()}
        self.retry_when_full(_write_status, self.path, document)


class EventLog:
    """`events.jsonl`: whole lines, one an event, with a rising `seq`. A line that does not fit on the disk is not begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq = _mend(path)
        self._descriptor = open_for_lines(path)

    def append(self, event: dict[str, Any]) -> None:
        line = json.dumps({"seq": self._seq + 1, "time": round(time.time(), 3), **event}) + "\n"
        append_line(self._descriptor, self._path, line.encode())
        self._seq += 1


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def overwrite_status(path: Path, document: dict[str, Any]) -> None:
    """Replace status.json, or write over it where the disk has no room for a second file."""
    known = read_json(path / "status.json")
    whole = {**(known if isinstance(known, dict) else {}), "eta": None, "waiting": False, "updated": time.time(), **document}
    overwrite_json(path / "status.json", whole, durable=True)


def _write_status(path: Path, document: dict[str, Any], durable: bool = False) -> None:
    # A run directory that was deleted stays deleted.
    write_json(path / "status.json", document, durable, make_folder=False)


def _mend(path: Path) -> int:
    """Cut a torn last line that a killed writer left; the highest `seq`."""
    if not path.exists():
        return 0
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        truncate(path, len(whole))
    return next((seq for line in reversed(whole.splitlines()) if (seq := _seq(line)) is not None), 0)


def _seq(line: bytes) -> int | None:
    """The line's number; None for a damaged line."""
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, TypeError, KeyError):
        return None
