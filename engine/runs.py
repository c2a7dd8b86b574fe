"""Reading runs: `runs/<id>/` is the interface between the process that trains and everybody else."""

import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from engine import config as configuration
from engine.config import Config
from engine.errors import UserError
from engine.files import read_json
from engine.home import runs_dir
from engine.lease import is_held

ACTIVE = ("queued", "preparing", "training", "evaluating")
ENDED = ("finished", "stopped", "failed", "interrupted")


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

    @property
    def active(self) -> bool:
        return self.state in ACTIVE


@dataclass(frozen=True)
class Run:
    """One training, by its directory. Every property reads the files afresh."""

    id: str
    path: Path

    @property
    def config(self) -> Config:
        return configuration.from_dict(self._document()["config"])

    @property
    def created(self) -> float:
        return self._document()["created"]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self._document()["classes"])

    @property
    def fingerprint(self) -> str:
        """The data's fingerprint when the run was started."""
        return self._document()["fingerprint"]

    @property
    def results(self) -> dict[str, Any]:
        """Scores by split, written at the end: `{"test": {"n":, "accuracy": {...}, "macro_f1": {...}}, ...}`; else empty."""
        return read_json(self.path / "results.json", {})

    @property
    def status(self) -> Status:
        """The written status; a state that claims to be active without a live process reads `interrupted`."""
        status = _written_status(self.path)
        lease = self.path / "lease"
        seen_alive = lease.exists() and lease.stat().st_mtime > status.updated
        if status.active and not is_held(lease):
            # The process may have ended well between the two reads.
            status = _written_status(self.path)
            starting = status.state == "queued" and not seen_alive and time.time() - status.updated < _GRACE
            if status.active and not starting:
                return _interrupted(status)
        return status

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The whole events from byte `offset` on, and the offset to go on from; a torn last line is left for next time."""
        try:
            with open(self.path / "events.jsonl", "rb") as file:
                file.seek(offset)
                text = file.read()
        except FileNotFoundError:
            return [], offset
        whole = text[: text.rfind(b"\n") + 1]
        return [json.loads(line) for line in whole.splitlines()], offset + len(whole)

    def log_tail(self, lines: int = 40) -> str:
        try:
            with open(self.path / "train.log", "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - 20_000))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def predictions(self, split: str) -> pd.DataFrame:
        """The prediction table of one split (see `engine.predictions`). Raises UserError where there is none."""
        from engine.predictions import read_predictions

        return read_predictions(self.path, split)

    def has_predictions(self, split: str) -> bool:
        return (self.path / f"predictions-{split}.parquet").is_file()

    def _document(self) -> dict[str, Any]:
        document = read_json(self.path / "config.json")
        if not isinstance(document, dict) or "config" not in document:
            raise UserError(f"The run {self.id!r} has no readable config.json.", "Delete the run, or restore the file.")
        return document


_GRACE = 20.0  # seconds between writing `queued` and the process taking its lease: an interpreter has to start


def runs(dataset: str | None = None) -> list[Run]:
    """All readable runs, newest first; those of one dataset where it is named."""
    if not runs_dir().is_dir():
        return []
    found = [Run(path.name, path) for path in runs_dir().iterdir() if (path / "config.json").is_file()]
    found = [r for r in found if "config" in (read_json(r.path / "config.json") or {})]
    found.sort(key=lambda r: (r.created, r.id), reverse=True)
    return [r for r in found if dataset is None or r.config.dataset == dataset]


def run(run_id: str) -> Run:
    path = runs_dir() / run_id
    if re.fullmatch(r"[\w.-]+", run_id) and (path / "config.json").is_file():
        return Run(run_id, path)
    raise UserError(f"There is no run {run_id!r}.", "List them with: python -m engine runs list")


def delete(run: Run) -> None:
    if run.status.active:
        raise UserError(f"The run {run.id} is {run.status.state}.", f"Stop it first: python -m engine runs stop {run.id}")
    shutil.rmtree(run.path)


def summary(run: Run) -> dict[str, Any]:
    """The run as one JSON document."""
    status = run.status
    return {
        "id": run.id,
        "created": run.created,
        "state": status.state,
        "detail": status.detail,
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
        "results": run.results,
    }


def _written_status(path: Path) -> Status:
    document = read_json(path / "status.json")
    known = Status.__dataclass_fields__
    return Status(**{k: v for k, v in document.items() if k in known}) if isinstance(document, dict) else Status("interrupted")


def _interrupted(status: Status) -> Status:
    rebooted = psutil.boot_time() > status.updated
    cause = "The machine was restarted" if rebooted else "The process was killed, probably out of memory,"
    hint = "Resume it: it goes on from its last checkpoint." + ("" if rebooted else " A smaller batch_size needs less memory.")
    return Status(
        "interrupted", status.detail, status.progress, None, f"{cause} while the run was {status.state}.", hint, status.updated
    )
