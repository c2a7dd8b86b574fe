"""Undo, redo and restore: they append entries that name what they reverse, so that nothing is ever lost."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.core.errors import UserError
from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import effective_entries


@dataclass
class _Step:
    """What was done in one step. `reversals`: the undo and redo entries about it, in turn."""

    entries: list[Entry]
    reversals: list[Entry] = field(default_factory=list)


@dataclass
class _History:
    """The steps that can be undone and those that can be redone, the last one last."""

    done: list[_Step] = field(default_factory=list)
    undone: list[_Step] = field(default_factory=list)


def undo(data: Dataset) -> list[Entry]:
    """Undo the last step that is not undone, and return its entries; an empty list if there is none."""

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        done = _history(entries).done
        if not done:
            return []
        # A step that was redone is in force through its redo, so that is what has to be undone.
        return done[-1].reversals[-1:] or done[-1].entries

    fresh = edits.reverse(data, "undo", choose)
    return _history_before(data, fresh[0]).done[-1].entries if fresh else []


def redo(data: Dataset) -> list[Entry]:
    """Redo the last undone step, unless something was decided since, and return its entries."""

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        undone = _history(entries).undone
        return undone[-1].reversals[-1:] if undone else []

    fresh = edits.reverse(data, "redo", choose)
    return _history_before(data, fresh[0]).undone[-1].entries if fresh else []


def restore(data: Dataset, version: str) -> int:
    """Bring the labels back to a version by undoing what came after, and return how many entries that were. Raises UserError."""
    log = edits.open_log(data)
    position = log.position(version)
    if position is None:
        raise UserError(f"The labels of {data.name} have no version {version!r}.", f"The current version is {log.version()}.")

    def choose(entries: Sequence[Entry]) -> Sequence[Entry]:
        # All of them, also those that are not in force: undoing only the undo of an undo would bring the first undo back.
        return entries[position:]

    fresh = edits.reverse(data, "restore", choose, reason=f"back to version {version}")
    return len(fresh[0].undoes) if fresh else 0


def revert_entries(data: Dataset, uids: Collection[str], reason: str) -> bool:
    """Undo just these entries as a step of its own, whatever was decided later; whether any of them was still in force."""

    def choose(entries: Sequence[Entry]) -> list[Entry]:
        return [entry for entry in effective_entries(entries) if entry.uid in uids]

    return bool(edits.reverse(data, "restore", choose, reason=reason))


def count_steps(data: Dataset) -> tuple[int, int]:
    """How many steps can be undone and how many can be redone."""
    history = _history(edits.open_log(data).entries)
    return len(history.done), len(history.undone)


def _history_before(data: Dataset, reversal: Entry) -> _History:
    """The history as it was when `reversal` was appended: another process may have appended more since."""
    entries = edits.open_log(data).entries
    return _history(entries[: [entry.uid for entry in entries].index(reversal.uid)])


def _history(entries: Sequence[Entry]) -> _History:
    done: list[_Step] = []
    undone: list[_Step] = []
    for entry in entries:
        if entry.batch.startswith("import:"):  # another person's step, which is not ours to undo
            continue
        if entry.action == "undo" and done:
            step = done.pop()
            step.reversals.append(entry)
            undone.append(step)
        elif entry.action == "redo" and undone:
            step = undone.pop()
            step.reversals.append(entry)
            done.append(step)
        elif entry.is_decision and done and not done[-1].reversals and done[-1].entries[0].batch == entry.batch != "":
            done[-1].entries.append(entry)
        elif entry.is_decision or entry.action == "restore":
            done.append(_Step([entry]))
            undone.clear()
    return _History(done, undone)
