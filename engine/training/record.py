"""The writing side of a run directory: events, status, stop marker. One process writes, everybody else reads."""

import json
import os
import time
from pathlib import Path
from typing import Any

from engine.files import read_json, write_json
from engine.training.facts import Fact, Message, Progress

_STATUS_INTERVAL = 0.5  # seconds between two progress updates of status.json


class Stopped(Exception):
    """The run was asked to stop, and everything is saved."""


class Recorder:
    """Appends facts to `events.jsonl` and keeps `status.json` true."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seq = _mend(path / "events.jsonl")
        self._events = open(path / "events.jsonl", "a", encoding="utf-8")
        self._state = "queued"
        self._began = time.monotonic()
        self._first_done: int | None = None
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
        self._seq += 1
        self._events.write(json.dumps({"seq": self._seq, "time": round(time.time(), 3), **event}) + "\n")
        self._events.flush()

    def state(self, state: str, detail: str = "", **more: Any) -> None:
        """Enter a state: written to both files at once."""
        self._state, self._began, self._first_done = state, time.monotonic(), None
        self.event({"kind": "state", "state": state, "detail": detail})
        progress = 1.0 if state == "finished" else 0.0
        write_json(
            self.path / "status.json",
            {"state": state, "detail": detail, "progress": progress, "updated": time.time(), **more},
            durable=True,
        )

    def wait_in_queue(self, detail: str) -> None:
        """Say why the run waits. `updated` stays the time of queueing: the order of the queue goes by it."""
        status = self.path / "status.json"
        write_json(status, {**(read_json(status) or {}), "state": "queued", "detail": detail})

    def stop_requested(self) -> bool:
        return self._ending or (self.path / "stop").exists()

    def request_stop(self) -> None:
        """What SIGTERM does: the same as the marker file, for this process alone."""
        self._ending = True

    def _progress(self, fact: Progress) -> None:
        now = time.monotonic()
        if self._first_done is None or fact.done < self._first_done:
            self._first_done, self._began = fact.done, now
        if now - self._last_status < _STATUS_INTERVAL and fact.done < fact.total:
            return
        self._last_status = now
        elapsed, done = now - self._began, fact.done - self._first_done
        eta = elapsed / done * (fact.total - fact.done) if done else None
        write_json(
            self.path / "status.json",
            {
                "state": self._state,
                "detail": fact.detail,
                "progress": fact.done / max(fact.total, 1),
                "eta": eta,
                "updated": time.time(),
            },
        )


def _mend(path: Path) -> int:
    """Cut a torn last line that a killed writer left; the last `seq`."""
    if not path.exists():
        return 0
    with open(path, "r+b") as file:
        text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            file.truncate(len(whole))
            os.fsync(file.fileno())
    return json.loads(whole.splitlines()[-1])["seq"] if whole else 0
