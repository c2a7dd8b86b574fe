"""Reading runs: `runs/<id>/` is the interface between the process that trains and everybody else."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from engine.core.errors import UserError
from engine.core.file_cache import read_cached
from engine.core.files import read_json
from engine.core.lease import is_held
from engine.core.paths import runs_dir
from engine.data.labels.label_log import EMPTY as NO_EDITS
from engine.runs import config as configuration
from engine.runs import exit_cause
from engine.runs.config import Config
from engine.runs.metadata import Metadata, load_metadata

ACTIVE = ("queued", "preparing", "training", "evaluating")
ENDED = ("finished", "stopped", "failed", "interrupted")
PAUSE, PAUSED = "pause", "paused"  # the word in the `stop` marker, and the detail of a run that was stopped to go on later
FINISH = "finish"  # the word in the `stop` marker that ends the training early, and not the run
_NAME_BYTES = 200  # of a run's name: files beside and inside its folder are named after it


@dataclass(frozen=True)
class Status:
    """What a run is doing. `progress` goes from 0 to 1 within the state, `eta` is in seconds, `error` is for people."""

    state: str
    detail: str = ""
    progress: float = 0.0
    eta: float | None = None
    error: str = ""
    hint: str = ""
    updated: float = 0.0
    waiting: bool = False  # for room on a full disk, as `detail` says; it goes on by itself

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def word(self) -> str:
        """The state as people read it."""
        return PAUSED if self.paused else "waiting" if self.waiting and self.active else self.state

    @property
    def paused(self) -> bool:
        return self.state == "stopped" and self.detail == PAUSED


@dataclass(frozen=True)
class Run:
    """One training, by its directory. Every property says what the files say now; what it gives is shared: change nothing of it."""

    id: str
    path: Path

    @property
    def config(self) -> Config:
        return self._description.config

    @property
    def created(self) -> float:
        return self._description.created

    @property
    def classes(self) -> tuple[str, ...]:
        return self._description.classes

    @property
    def fingerprint(self) -> str:
        """The data's fingerprint when the run was started."""
        return self._description.fingerprint

    @property
    def labels(self) -> str:
        """The version of the label edits that the run learns from (`engine.data.labels`); that of none for a run of before they were."""
        return self._description.labels

    @property
    def checkpoint(self) -> str:
        """Names the best model's newest checkpoint: a key that changes with every save; "" where there is none."""
        newest = max((self.path / "checkpoints").glob("best-*"), key=lambda folder: folder.name, default=None)
        manifest = read_json(newest / "manifest.json", {}) if newest else {}
        files = hashlib.blake2b(str(manifest.get("files")).encode(), digest_size=6).hexdigest()
        return f"{newest.name}-{files}" if newest else ""

    @property
    def metadata(self) -> Metadata:
        return load_metadata(self.path)

    @property
    def title(self) -> str:
        """What people call it: its name, or else its id. Untrusted text."""
        return self.metadata.name or self.id

    @property
    def results(self) -> dict[str, Any]:
        """Scores by split, written at the end: `{"test": {"n":, "accuracy": {...}, "macro_f1": {...}}, ...}`; else empty."""
        results = read_cached(self.path, "results.json", read_json)
        return results if isinstance(results, dict) else {}

    @property
    def request(self) -> str:
        """What the running process was asked for and has not done yet: stop, PAUSE or FINISH; "" where there is nothing."""
        try:
            word = (self.path / "stop").read_text()
        except OSError:
            return ""
        state = self.status.state
        waiting = state in ACTIVE and not (word == FINISH and state == "evaluating")
        return (word or "stop") if waiting else ""

    @property
    def status(self) -> Status:
        """The written status; a state that claims to be active without a live process reads `interrupted`."""
        while True:
            status = _written_status(self.path)
            if not status.active or is_held(self.path / "lease"):
                return status
            # The process may have ended well, or another may have been started, between the two looks.
            if _written_status(self.path) == status:
                return _interrupted(self.path, status)

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The whole events from byte `offset` on, and the offset to go on from; a torn last line is left for next time."""
        try:
            with open(self.path / "events.jsonl", "rb") as file:
                file.seek(offset)
                text = file.read()
        except FileNotFoundError:
            return [], offset
        whole = text[: text.rfind(b"\n") + 1]
        return _events(whole, offset), offset + len(whole)

    def events_size(self) -> int:
        """Bytes of the events file; 0 where there is none."""
        file = self.path / "events.jsonl"
        return file.stat().st_size if file.exists() else 0

    def log_tail(self, lines: int = 40) -> str:
        try:
            with open(self.path / "train.log", "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - 20_000))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def predictions(self, split: str) -> pd.DataFrame:
        """The prediction table of one split (see `engine.data.predictions`). Raises UserError where there is none."""
        from engine.data.predictions import read_predictions

        return read_predictions(self.path, split)

    def has_predictions(self, split: str) -> bool:
        return (self.path / f"predictions-{split}.parquet").is_file()

    @property
    def _description(self) -> "_Description":
        return read_cached(self.path, "config.json", _described)


@dataclass(frozen=True)
class _Description:
    """What `config.json` says."""

    config: Config
    created: float
    classes: tuple[str, ...]
    fingerprint: str
    labels: str


def _described(file: Path) -> _Description:
    document = read_json(file)
    try:
        config = configuration.from_dict(document["config"])
        classes, labels = tuple(document["classes"]), str(document.get("labels", NO_EDITS))
        return _Description(config, float(document["created"]), classes, document["fingerprint"], labels)
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UserError(
            f"The run {file.parent.name!r} has no readable config.json.", "Delete the run, or restore the file."
        ) from None


def _events(whole: bytes, offset: int) -> list[dict[str, Any]]:
    """The events of whole lines, which begin at byte `offset` of the file."""
    try:
        # At once: twice as fast as line by line, for a hundred thousand steps.
        events = json.loads(b"[" + b",".join(whole.splitlines()) + b"]")
    except ValueError:
        events = [None]
    return events if all(isinstance(event, dict) for event in events) else list(_whole_events(whole, offset))


def _whole_events(text: bytes, offset: int) -> Iterator[dict[str, Any]]:
    """The events of whole lines; in the place of a line that is none stands a message that names it."""
    seq = 0
    for line in text.splitlines(keepends=True):
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict):
            seq = event.get("seq", seq)
            yield event
        else:
            told = f"A line of events.jsonl is damaged and was passed over (byte {offset:,})."
            yield {"seq": seq, "time": 0.0, "kind": "message", "text": told, "level": "warning"}
        offset += len(line)


def list_runs(dataset: str | None = None) -> list[Run]:
    """All readable runs, newest first; those of one dataset where it is named."""
    try:
        with os.scandir(runs_dir()) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    folder = runs_dir()
    result = [(run, config.dataset) for run in (Run(name, folder / name) for name in names) if (config := _readable(run))]
    result.sort(key=lambda pair: (pair[0].created, pair[0].id), reverse=True)
    return [run for run, of in result if dataset is None or of == dataset]


def _readable(run: Run) -> Config | None:
    """Its configuration; None for a folder that is no run, or one whose configuration cannot be read."""
    try:
        return run.config
    except UserError:
        return None


def load_run(run_id: str) -> Run:
    # A name that no file system holds would be an OSError, not an answer.
    valid = re.fullmatch(r"[\w.-]+", run_id) is not None and len(run_id.encode()) <= _NAME_BYTES
    if valid and (runs_dir() / run_id / "config.json").is_file():
        return Run(run_id, runs_dir() / run_id)
    run_id = run_id if len(run_id) <= _NAME_BYTES else f"{run_id[:40]}…"
    raise UserError(f"There is no run {run_id!r}.", "List them with: python -m engine runs list")


def summary(run: Run) -> dict[str, Any]:
    """The run as one JSON document."""
    status = run.status
    return {
        "id": run.id,
        "name": run.metadata.name,
        "note": run.metadata.note,
        "tags": list(run.metadata.tags),
        "created": run.created,
        "state": status.state,
        "detail": status.detail,
        "waiting": status.waiting and status.active,
        "progress": round(status.progress, 4),
        "eta": status.eta,
        "error": status.error,
        "hint": status.hint,
        "dataset": run.config.dataset,
        "model": run.config.model,
        "preset": run.config.preset,
        "config": run.config.to_dict(),
        "classes": list(run.classes),
        "fingerprint": run.fingerprint,
        "labels": run.labels,
        "results": run.results,
    }


def _written_status(path: Path) -> Status:
    return read_cached(path, "status.json", _status) or _told_by_events(path)


def _status(file: Path) -> Status | None:
    """None where the file is missing or damaged."""
    document = read_json(file)
    if not isinstance(document, dict) or document.get("state") not in (*ACTIVE, *ENDED):
        return None
    return Status(**{k: v for k, v in document.items() if k in Status.__dataclass_fields__})


def _told_by_events(path: Path) -> Status:
    """The state where status.json is missing or damaged."""
    events, _ = Run(path.name, path).events()
    last = next((event for event in reversed(events) if event.get("state") in (*ACTIVE, *ENDED)), None)
    if last is None:
        return Status("interrupted", error="The run was never started.", hint="Resume it to start it.")
    hint = "Its status.json is damaged; this is what its events say."
    return Status(last["state"], str(last.get("detail", "")), hint=hint, updated=float(last.get("time", 0.0)))


def _interrupted(path: Path, status: Status) -> Status:
    error, hint = exit_cause.diagnose_exit(path, status.state, status.updated)
    return Status("interrupted", status.detail, status.progress, None, error, hint, status.updated)
