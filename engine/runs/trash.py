"""Deleting runs so that it can be undone: they stay in `runs/.trash/<id>/` until it is emptied, by command or after a month."""

import time
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import create_folder, move, read_json, remove, remove_folder, write_json
from engine.core.lease import Lease
from engine.core.paths import runs_dir
from engine.runs.run import Run, load_run

DAYS = 30.0  # after which a deleted run is removed for good, at the next deletion
_NOTE = "deleted.json"


@dataclass(frozen=True)
class DeletedRun:
    """A run in the trash. `deleted_at`: seconds since 1970."""

    id: str
    path: Path
    deleted_at: float

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def delete(run: Run) -> None:
    """Move a run into the trash, and empty the trash of runs deleted more than `DAYS` ago. Raises UserError for a run that is active."""
    status = run.status
    if status.active:
        raise UserError(f"The run {run.id} is {status.state}.", f"Stop it first: python -m engine runs stop {run.id}")
    if not run.path.is_dir():
        raise UserError(f"There is no run {run.id!r}.", "List them with: python -m engine runs list")
    # Under the lease: it must not be started while it is moved.
    lease = Lease(run.path / "lease")
    if not lease.take():
        raise UserError(f"The run {run.id} is being started.", f"Stop it first: python -m engine runs stop {run.id}")
    try:
        write_json(run.path / _NOTE, {"time": time.time()})
        target = _folder() / run.id
        # Ids are never used again, but a directory can be put back by hand, and then deleted again.
        remove_folder(target)
        move(run.path, create_folder(_folder()) / run.id)
    finally:
        lease.hand_over()
    empty(DAYS)


def restore(run_id: str) -> Run:
    """Undo a deletion: the run as it was. Raises UserError where the trash does not hold it."""
    entry = next((entry for entry in list_deleted() if entry.id == run_id), None)
    if entry is None:
        raise UserError(f"There is no run {run_id!r} in the trash.", "List it with: python -m engine runs trash")
    target = runs_dir() / run_id
    if target.exists():
        raise UserError(f"There is a run {run_id!r} already.", "Delete that one first.")
    move(entry.path, target)
    remove(target / _NOTE)
    return load_run(run_id)


def list_deleted() -> list[DeletedRun]:
    """The runs in the trash, the last deleted first."""
    entries = [_read_entry(path) for path in _folder().iterdir() if path.is_dir()] if _folder().is_dir() else []
    return sorted(entries, key=lambda entry: entry.deleted_at, reverse=True)


def empty(older_than_days: float = 0.0) -> list[str]:
    """Remove for good the runs that were deleted longer ago than that; their ids."""
    limit = time.time() - 86_400 * older_than_days
    entries = [entry for entry in list_deleted() if entry.deleted_at <= limit]
    for entry in entries:
        remove_folder(entry.path)
    return [entry.id for entry in entries]


def _folder() -> Path:
    return runs_dir() / ".trash"


def _read_entry(path: Path) -> DeletedRun:
    note = read_json(path / _NOTE, {})
    seconds = note.get("time") if isinstance(note, dict) else None
    return DeletedRun(path.name, path, seconds if isinstance(seconds, int | float) else path.stat().st_mtime)
