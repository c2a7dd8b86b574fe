"""The labels that result from a log: later decisions over earlier ones, without what was undone. Pure functions over entries.

The order is that of (time, uid) and not of the lines: two logs that were merged into each other give the same labels, whichever
was merged into which.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.data.labels.label_edit import Entry


@dataclass(frozen=True)
class LabelState:
    """What holds for one image. `rivals`: decisions with another outcome, made without knowing of the winning one."""

    winner: Entry
    rivals: tuple[Entry, ...] = ()

    @property
    def excluded(self) -> bool:
        return self.winner.action == "exclude"

    @property
    def new_class(self) -> str | None:
        """The class that the image was given; None if it keeps the class of its folder."""
        return self.winner.new_class if self.winner.action == "relabel" else None


def effective_entries(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that are in force, reversals among them, by time: an undo that was undone undoes nothing."""
    undone: set[str] = set()
    in_force = []
    # From the last one back: whether an entry is undone is known only once all later reversals are.
    for entry in sorted(entries, key=_order, reverse=True):
        if entry.uid in undone:
            continue
        in_force.append(entry)
        if not entry.is_decision:
            undone.update(entry.undoes)
    return in_force[::-1]


def latest_decisions(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """By content hash, the decisions that are in force and that no other one has replaced, by time."""
    decisions = [entry for entry in effective_entries(entries) if entry.is_decision]
    replaced = {uid for entry in decisions for uid in entry.replaces}
    result: dict[str, list[Entry]] = defaultdict(list)
    for entry in decisions:
        if entry.uid not in replaced:
            result[entry.content].append(entry)
    return dict(result)


def resolve_states(decisions: Sequence[Entry], paths: Iterable[str]) -> dict[str, LabelState]:
    """By path, the state of each file of one content; files that nothing was decided about are left out.

    `decisions`: those of this content in `latest_decisions`. A class belongs to the content: it holds for every copy. Exclusion
    belongs to the file, because one of two copies may be meant to stay. The decision about a file that has moved goes to a copy
    that has none of its own.
    """
    last_relabel = next((entry for entry in reversed(decisions) if entry.action == "relabel"), None)
    states = {}
    for path, own in _decisions_by_file(decisions, paths).items():
        winner = own[-1] if own else last_relabel
        if last_relabel and winner and winner.action != "exclude" and _order(last_relabel) > _order(winner):
            winner = last_relabel
        if winner:
            states[path] = LabelState(winner, tuple(entry for entry in own if entry.outcome != winner.outcome))
    return states


def superseded_uids(decisions: Sequence[Entry], paths: Iterable[str], path: str) -> tuple[str, ...]:
    """The entries that a new decision about the file at `path` replaces. `decisions`, `paths`: as for `resolve_states`."""
    return tuple(entry.uid for entry in _decisions_by_file(decisions, paths).get(path, ()))


def _decisions_by_file(decisions: Sequence[Entry], paths: Iterable[str]) -> dict[str, list[Entry]]:
    by_path: dict[str, list[Entry]] = {path: [] for path in sorted(paths)}
    moved: dict[str, list[Entry]] = defaultdict(list)
    for entry in decisions:
        (by_path if entry.path in by_path else moved)[entry.path].append(entry)
    # Both sides are sorted, so that every process and every merged log assigns moved files alike.
    undecided = [path for path, own in by_path.items() if not own]
    for path, old_path in zip(undecided, sorted(moved), strict=False):
        by_path[path] = moved[old_path]
    return by_path


def _order(entry: Entry) -> tuple[float, str]:
    return entry.time, entry.uid
