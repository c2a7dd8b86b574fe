"""Undo, redo and restore: entries of their own that name what they reverse, so that nothing is ever lost."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.core.errors import UserError
from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import effective


@dataclass
class _Step:
    """What happened at one stroke; `reversals`: the undo and redo entries about it, in turn."""

    entries: list[Entry]
    reversals: list[Entry] = field(default_factory=list)


def undo(data: Dataset) -> list[Entry]:
    """Undo the last step that is not undone; what it was, nothing where there is none."""
    undone: list[Entry] = []

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        done, _ = _steps(entries)
        undone[:] = done[-1].entries if done else []
        # A step that was redone holds by its redo: that is what has to go.
        return [done[-1].reversals[-1]] if done and done[-1].reversals else undone

    edits.reverse(data, "undo", choose)
    return undone


def redo(data: Dataset) -> list[Entry]:
    """Do again what was undone last, unless something was decided since; what it was."""
    again: list[Entry] = []

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        _, undone = _steps(entries)
        again[:] = undone[-1].entries if undone else []
        return [undone[-1].reversals[-1]] if undone else []

    edits.reverse(data, "redo", choose)
    return again


def restore(data: Dataset, version: str) -> int:
    """Bring the labels to what they were at a version, by undoing what came after; how many entries that were. Raises UserError."""
    log = edits.log(data)
    position = log.position(version)
    if position is None:
        raise UserError(f"The labels of {data.name} have no version {version!r}.", f"The present one is {log.version()}.")

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        # All of them, also those that do not hold: an undo that was undone would come back without its undoing.
        return entries[position:]

    fresh = edits.reverse(data, "restore", choose, why=f"back to version {version}")
    return len(fresh[0].undoes) if fresh else 0


def take_back(data: Dataset, uids: Collection[str], why: str) -> bool:
    """Undo just these entries, whatever was decided after them, as a step of its own; whether any of them held still."""

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        return [entry for entry in effective(entries) if entry.uid in uids]

    return bool(edits.reverse(data, "restore", choose, why=why))


def possible(data: Dataset) -> tuple[int, int]:
    """How many steps can be undone and redone."""
    done, undone = _steps(edits.log(data).entries)
    return len(done), len(undone)


def _steps(entries: Sequence[Entry]) -> tuple[list[_Step], list[_Step]]:
    """The steps that can be undone and those that can be redone, the last one last; what was imported is none of ours."""
    done: list[_Step] = []
    undone: list[_Step] = []
    for entry in entries:
        if entry.batch.startswith("import:"):
            continue
        if entry.action == "undo" and done:
            step = done.pop()
            step.reversals.append(entry)
            undone.append(step)
        elif entry.action == "redo" and undone:
            step = undone.pop()
            step.reversals.append(entry)
            done.append(step)
        elif entry.decides and done and not done[-1].reversals and done[-1].entries[0].batch == entry.batch != "":
            done[-1].entries.append(entry)
        elif entry.decides or entry.action == "restore":
            done.append(_Step([entry]))
            undone.clear()
    return done, undone
