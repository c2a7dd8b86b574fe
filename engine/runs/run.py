"""Reading runs: `runs/<id>/` is the interface between the process that trains and everybody else."""

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from engine.core.errors import UserError
from engine.core.exit_cause import DeadProcess
from engine.core.file_cache import read_cached
from engine.core.files import read_json
from engine.core.lease import is_held
from engine.core.paths import runs_dir
from engine.core.processes import log_tail
from engine.data.labels.label_log import EMPTY as NO_EDITS
from engine.runs import config as configuration
from engine.runs.config import Config
from engine.runs.event_log import read_events
from engine.runs.metadata import Metadata, load_metadata
from engine.runs.results import Results

if TYPE_CHECKING:
    from engine.data.predictions import Predictions

State = Literal["queued", "preparing", "training", "evaluating", "finished", "stopped", "failed", "interrupted"]
ACTIVE: tuple[State, ...] = ("queued", "preparing", "training", "evaluating")
ENDED: tuple[State, ...] = ("finished", "stopped", "failed", "interrupted")
PAUSE, PAUSED = "pause", "paused"  # the word in the `stop` marker, and the detail of a run that was stopped to go on later
FINISH = "finish"  # the word in the `stop` marker that ends the training early, but not the run
_NAME_BYTES = 200  # of a run's name: files beside and inside its folder are named after it, and a file system's names end at 255


@dataclass(frozen=True)
class Status:
    """What a run is doing. `progress` goes from 0 to 1 within the state, `eta` is in seconds, `error` is for people."""

    state: State
    detail: str = ""
    progress: float = 0.0
    eta: float | None = None
    error: str = ""
    hint: str = ""
    updated: float = 0.0
    waiting: bool = False  # for space on a full disk, as `detail` says; the run continues by itself
    in_queue: bool = False  # has not begun: others are before it in the queue, or there is no space on the disk

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def word(self) -> str:
        """The state as people read it."""
        if self.paused:
            return PAUSED
        return "waiting" if self.waiting and self.active else self.state

    @property
    def paused(self) -> bool:
        return self.state == "stopped" and self.detail == PAUSED


@dataclass(frozen=True)
class Run:
    """One training, by its directory. Every property reads what the files say now; the values are shared, so do not change them."""

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
        """The version of the label edits that the run is trained on (`engine.data.labels`); that of no edits for a run older than they are."""
        return self._description.labels

    @property
    def checkpoint(self) -> str:
        """Names the best model's newest checkpoint: a key that changes with every save; "" where there is none."""
        newest = max((self.path / "checkpoints").glob("best-*"), key=lambda folder: folder.name, default=None)
        return f"{newest.name}-{read_cached(newest, 'manifest.json', _read_identity)}" if newest else ""

    @property
    def metadata(self) -> Metadata:
        return load_metadata(self.path)

    @property
    def title(self) -> str:
        """What people call it: its name, or else its id. Untrusted text."""
        return self.metadata.name or self.id

    @property
    def results(self) -> Results:
        """The scores, written at the end of the run; empty before."""
        results = read_cached(self.path, "results.json", read_json)
        return cast(Results, results) if isinstance(results, dict) else {}

    @property
    def request(self) -> str:
        """What the running process was asked to do and has not done yet: stop, PAUSE or FINISH; "" where there is nothing."""
        try:
            word = (self.path / "stop").read_text()
        except OSError:
            return ""
        state = self.status.state
        pending = state in ACTIVE and not (word == FINISH and state == "evaluating")
        return (word or "stop") if pending else ""

    @property
    def status(self) -> Status:
        """The written status; a state that claims to be active without a live process reads `interrupted`."""
        while True:
            status = _written_status(self.path)
            if not status.active or is_held(self.path / "lease"):
                return status
            # Between the two looks the process may have ended in order, or another may have been started: look again.
            if _written_status(self.path) == status:
                return _interrupted(self.path, status)

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The events from byte `offset` on, and the offset to go on from; a last line that is still being written is left for next time."""
        return read_events(self.path / "events.jsonl", offset)

    def events_size(self) -> int:
        """Bytes of the events file; 0 where there is none."""
        file = self.path / "events.jsonl"
        return file.stat().st_size if file.exists() else 0

    def log_tail(self, lines: int = 40) -> str:
        return log_tail(self.path / "train.log", lines)

    def predictions(self, split: str) -> "Predictions":
        """The predictions of one split. Raises UserError where they are missing, damaged or cut short."""
        # late: it loads pyarrow, which listing runs does not need
        from engine.data.predictions import Predictions, read_predictions

        hint = f"Write it again: python -m engine evaluate {self.id} --split {split}"
        return Predictions(read_predictions(self.path, split), self.classes, self.id).check(split, hint)

    def has_predictions(self, split: str) -> bool:
        return (self.path / f"predictions-{split}.parquet").is_file()

    @property
    def _description(self) -> "_Description":
        return read_cached(self.path, "config.json", _read_description)


@dataclass(frozen=True)
class _Description:
    """The content of `config.json`."""

    config: Config
    created: float
    classes: tuple[str, ...]
    fingerprint: str
    labels: str


def _read_description(file: Path) -> _Description:
    document = read_json(file)
    try:
        return _Description(
            config=configuration.from_dict(document["config"]),
            created=float(document["created"]),
            classes=tuple(document["classes"]),
            fingerprint=document["fingerprint"],
            labels=str(document.get("labels", NO_EDITS)),
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UserError(
            f"The run {file.parent.name!r} has no readable config.json.", "Delete the run, or restore the file."
        ) from None


def _read_identity(manifest: Path) -> str:
    """Names the content of a checkpoint's files."""
    files = read_json(manifest, {}).get("files")
    return hashlib.blake2b(str(files).encode(), digest_size=6).hexdigest()


def list_runs(dataset: str | None = None) -> list[Run]:
    """All readable runs, newest first; those of one dataset where it is named."""
    # Hidden folders are the trash and the queue.
    try:
        with os.scandir(runs_dir()) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    folder = runs_dir()
    runs = []
    for name in names:
        # A folder that is not a run, or whose configuration cannot be read, is left out.
        with contextlib.suppress(UserError):
            description = read_cached(folder / name, "config.json", _read_description)
            if dataset in (None, description.config.dataset):
                runs.append((description.created, name))
    return [Run(name, folder / name) for _, name in sorted(runs, reverse=True)]


def load_run(run_id: str) -> Run:
    """The run of this id. Raises UserError where there is none."""
    # Asking the file system for a name that it cannot hold would be an OSError.
    valid = re.fullmatch(r"[\w.-]+", run_id) is not None and len(run_id.encode()) <= _NAME_BYTES
    if valid and (runs_dir() / run_id / "config.json").is_file():
        return Run(run_id, runs_dir() / run_id)
    run_id = run_id if len(run_id) <= _NAME_BYTES else f"{run_id[:40]}…"
    raise UserError(f"There is no run {run_id!r}.", "List them with: python -m engine runs list")


class RunDocument(TypedDict):
    """A run for programs. `waiting`: for space on a full disk."""

    id: str
    name: str
    note: str
    tags: list[str]
    created: float
    state: State
    detail: str
    waiting: bool
    progress: float
    eta: float | None
    error: str
    hint: str
    dataset: str
    model: str
    preset: str
    config: dict[str, Any]
    classes: list[str]
    fingerprint: str
    labels: str
    results: Results


def summary(run: Run) -> RunDocument:
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
    return read_cached(path, "status.json", _read_status) or _status_from_events(path)


def _read_status(file: Path) -> Status | None:
    """None where the file is missing or damaged."""
    document = read_json(file)
    if not isinstance(document, dict) or _state(document) is None:
        return None
    return Status(**{k: v for k, v in document.items() if k in Status.__dataclass_fields__})


def _state(document: Mapping[str, Any]) -> State | None:
    return next((state for state in (*ACTIVE, *ENDED) if state == document.get("state")), None)


def _status_from_events(path: Path) -> Status:
    """The state where status.json is missing or damaged."""
    events, _ = Run(path.name, path).events()
    for event in reversed(events):
        state = _state(event)
        if state:
            hint = "Its status.json is damaged; this is what its events say."
            return Status(state, str(event.get("detail", "")), hint=hint, updated=float(event.get("time", 0.0)))
    return Status("interrupted", error="The run was never started.", hint="Resume it to start it.")


def _interrupted(path: Path, status: Status) -> Status:
    dead = DeadProcess(
        path / "lease", path / "train.log", status.updated, status.state == "queued", f"the run was {status.state}",
        "Resume it: it continues from its last checkpoint.", "A smaller batch_size needs less memory.",
    )  # fmt: skip
    error, hint = dead.diagnose()
    return replace(status, state="interrupted", eta=None, error=error, hint=hint, waiting=False, in_queue=False)
