"""The queue of runs: numbered tickets in `runs/.queue/`, first come first served.

A run holds its ticket from the moment it is launched to its end; it computes while fewer than `slots()` live runs hold an
earlier one. The runs' leases say who is alive, so a killed process frees its place at once, and no server has to be running.
"""

import os
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import create_folder, lock_file, remove, touch
from engine.core.lease import is_held
from engine.core.paths import runs_dir

SLOTS = "SCENESCOPE_SLOTS"


def slots() -> int:
    """How many runs may compute at the same time: SCENESCOPE_SLOTS, by default 1. Raises UserError."""
    text = os.environ.get(SLOTS) or "1"
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{SLOTS} is {text!r}, which is not a number of runs.", "Set it to 1 or more.")
    return int(text)


def join(run_path: Path) -> None:
    """Queue up behind everybody. The caller must hold the run's lease, or its ticket does not count."""
    folder = _folder(run_path)
    create_folder(folder)
    with lock_file(folder / ".lock"):
        tickets = _tickets(folder)
        # Tickets of dead runs, and this run's own of an earlier process, are removed only here: the lock keeps anybody from
        # queueing up meanwhile.
        for number, run_id in tickets:
            if run_id == run_path.name or not is_held(run_path.parent / run_id / "lease"):
                remove(folder / _name(number, run_id))
        last = max((number for number, _ in tickets), default=0)
        touch(folder / _name(last + 1, run_path.name))


def leave(run_path: Path) -> None:
    """Give up the run's place."""
    for number, run_id in _tickets(_folder(run_path)):
        if run_id == run_path.name:
            remove(_folder(run_path) / _name(number, run_id))


def runs_ahead(run_path: Path) -> list[str] | None:
    """The ids of the live runs that queued up before this one, in order, including those that compute.

    None where this run is not in the queue.
    """
    tickets = _tickets(_folder(run_path))
    own = next((number for number, run_id in tickets if run_id == run_path.name), None)
    if own is None:
        return None
    return [run_id for number, run_id in tickets if number < own and is_held(run_path.parent / run_id / "lease")]


def live_runs() -> list[str]:
    """The ids of the runs that compute or wait, in the order in which they queued up."""
    return [run_id for _, run_id in _tickets(runs_dir() / ".queue") if is_held(runs_dir() / run_id / "lease")]


def _folder(run_path: Path) -> Path:
    return run_path.parent / ".queue"


def _name(number: int, run_id: str) -> str:
    return f"{number:09d}-{run_id}"


def _tickets(folder: Path) -> list[tuple[int, str]]:
    """(number, run id), in order."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    parts = (name.partition("-") for name in names)
    return sorted((int(number), run_id) for number, _, run_id in parts if number.isdecimal())
