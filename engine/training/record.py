"""The writing side of a run directory: events, status, stop marker. One process writes, everybody else reads."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from engine.files import read_json, sweep, write_json
from engine.runs import FINISH
from engine.training.facts import Fact, Message, Progress

_STATUS_INTERVAL = 0.5  # seconds between two progress updates of status.json


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

    def record(self, fact: Fact) -> None:
        if isinstance(fact, Progress):
            self._progress(fact)
            return
        self.event(fact.to_event())
        if isinstance(fact, Message):
            print(fact.text, flush=True)  # noqa: T201 - train.log is this process's standard output

    def event(self, event: dict[str, Any]) -> None:
        self._events.append(event)

    def state(self, state: str, detail: str = "", **more: Any) -> None:
        """Enter a state: written to both files at once."""
        self._state, self._began, self._first_done = state, time.monotonic(), None
        self.event({"kind": "state", "state": state, "detail": detail})
        progress = 1.0 if state == "finished" else 0.0
        _write_status(
            self.path,
            {"state": state, "detail": detail, "progress": progress, "updated": time.time(), **more},
            durable=True,
        )

    def last_word(self, state: str, error: str, hint: str) -> None:
        """Enter the state in which the process ends, as far as the disk lets it: the status counts more than the event."""
        document = {"state": state, "error": error, "hint": hint}
        with contextlib.suppress(OSError):
            self.record(Message(f"{error} {hint}".strip(), "error"))
        with contextlib.suppress(OSError):
            self.event({"kind": "state", "detail": "", **document})
        with contextlib.suppress(OSError):
            last_status(self.path, document)

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
        _write_status(
            self.path,
            {
                "state": self._state,
                "detail": fact.detail,
                "progress": fact.done / max(fact.total, 1),
                "eta": eta,
                "updated": time.time(),
            },
        )


class EventLog:
    """`events.jsonl`: whole lines, one an event, with a rising `seq`. A line that does not fit on the disk is not begun."""

    def __init__(self, path: Path) -> None:
        self._seq = _mend(path)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def append(self, event: dict[str, Any]) -> None:
        line = json.dumps({"seq": self._seq + 1, "time": round(time.time(), 3), **event}) + "\n"
        size = os.fstat(self._descriptor).st_size
        rest = line.encode()
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise
        self._seq += 1


def last_status(path: Path, document: dict[str, Any]) -> None:
    """Replace status.json, or write over it where the disk has no room for a second file."""
    known = read_json(path / "status.json")
    whole = {**(known if isinstance(known, dict) else {}), "eta": None, "updated": time.time(), **document}
    try:
        _write_status(path, whole, durable=True)
    except OSError:
        file = path / "status.json"
        text = json.dumps(whole, ensure_ascii=False).encode()
        # Blanks to the old length, in one call: no reader finds the end of the old text behind the new.
        descriptor = os.open(file, os.O_WRONLY)
        try:
            os.pwrite(descriptor, text.ljust(os.fstat(descriptor).st_size), 0)
        finally:
            os.close(descriptor)


def _write_status(path: Path, document: dict[str, Any], durable: bool = False) -> None:
    # A run directory that was deleted stays deleted.
    write_json(path / "status.json", document, durable, make_folder=False)


def _mend(path: Path) -> int:
    """Cut a torn last line that a killed writer left; the highest `seq`."""
    if not path.exists():
        return 0
    with open(path, "r+b") as file:
        text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            file.truncate(len(whole))
            os.fsync(file.fileno())
    return next((seq for line in reversed(whole.splitlines()) if (seq := _seq(line)) is not None), 0)


def _seq(line: bytes) -> int | None:
    """The line's number; None for a damaged line."""
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, TypeError, KeyError):
        return None
