"""Decisions about a dataset's images: each is on the disk, and in the catalog, when the call returns."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.errors import UserError
from engine.data import label_overlay
from engine.data.catalog import Row
from engine.data.class_names import sort_naturally
from engine.data.datasets import Dataset
from engine.data.labels.label_edit import Action, Entry, Reversal, current_author, new_uid
from engine.data.labels.label_log import LabelLog
from engine.data.labels.label_state import effective_entries, latest_decisions, superseded_uids

_TICK = 1e-6  # seconds between two entries, so that sorting by time gives the order of the log
_USABLE = ("ok", "excluded")


@dataclass(frozen=True)
class Decision:
    """What is decided about one image, by catalog id. `new_class`: with "relabel". `finding`: the finding that it answers."""

    image: int
    action: Action
    new_class: str | None = None
    finding: str = ""


@dataclass(frozen=True)
class DecisionGroup:
    """Decisions made in one step, which are undone together.

    `finding`: what those answer that name no finding of their own. `reason`: in the person's words. `known_entries`: how many
    entries the log had when the person looked, so that later decisions are not overwritten unseen; None: overwrite whatever is
    there.
    """

    decisions: Sequence[Decision]
    finding: str = ""
    reason: str = ""
    author: str = field(default_factory=current_author)
    known_entries: int | None = None

    def finding_of(self, decision: Decision) -> str:
        return decision.finding or self.finding


class AlreadyDecidedError(UserError):
    """Another tab, person or key press has decided about the image since the person looked; `entry` is that decision."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"{entry.path} was already decided on: nothing was changed.", "Undo that decision first.")
        self.entry = entry


@dataclass(frozen=True)
class _Target:
    """An image to decide about. `copies`: the paths of all usable files with its content."""

    row: Row
    content: str
    copies: Sequence[str]


def open_log(data: Dataset) -> LabelLog:
    """The label log of a dataset."""
    return label_overlay.label_log(data.catalog.file)


def decide(data: Dataset, group: DecisionGroup) -> list[Entry]:
    """Write the decisions into the log and return their entries. Raises UserError for a missing image or an unknown class.

    A finding or image that was decided on after `group.known_entries` is left as it is; if that leaves nothing to decide,
    AlreadyDecidedError is raised.
    """
    targets = _find_targets(data, group.decisions)
    classes = known_classes(data)
    for decision in group.decisions:
        if decision.action == "relabel" and decision.new_class not in classes:
            raise UserError(f"There is no class {decision.new_class!r} in {data.name}.", f"Its classes: {', '.join(classes)}.")

    def make(entries: Sequence[Entry]) -> list[Entry]:
        decisions = group.decisions if group.known_entries is None else _still_open(group, entries, targets)
        latest, start, batch = latest_decisions(entries), next_time(entries), new_uid()
        return [
            _make_entry(group, decision, targets[decision.image], latest, start + i * _TICK, batch)
            for i, decision in enumerate(decisions)
        ]

    return _append(data, make)


def _make_entry(
    group: DecisionGroup, decision: Decision, target: _Target, latest: Mapping[str, Sequence[Entry]], at_time: float, batch: str
) -> Entry:
    row = target.row
    return Entry(
        uid=new_uid(), time=at_time, author=group.author, action=decision.action, content=target.content, path=row.path,
        id=row.id, old_class=row.class_name, new_class=decision.new_class, reason=group.reason,
        finding=group.finding_of(decision), batch=batch,
        replaces=superseded_uids(latest.get(target.content, ()), target.copies, row.path),
    )  # fmt: skip


def _still_open(group: DecisionGroup, entries: Sequence[Entry], targets: Mapping[int, _Target]) -> list[Decision]:
    """The decisions about what nobody has decided on since the person looked. A finding is answered as a whole or not at all."""
    earlier = {entry.uid for entry in entries[: group.known_entries]}
    recent = [entry for entry in effective_entries(entries) if entry.is_decision and entry.uid not in earlier]
    decided_files = {(entry.content, entry.path) for entry in recent}
    answered = {entry.finding for entry in recent if entry.finding}

    def is_decided(decision: Decision) -> bool:
        target = targets[decision.image]
        return (target.content, target.row.path) in decided_files

    answered |= {name for decision in group.decisions if (name := group.finding_of(decision)) and is_decided(decision)}
    still_open = [one for one in group.decisions if group.finding_of(one) not in answered and not is_decided(one)]
    if group.decisions and not still_open:
        paths = {targets[decision.image].row.path for decision in group.decisions}
        raise AlreadyDecidedError(next((entry for entry in reversed(recent) if entry.path in paths), recent[-1]))
    return still_open


def known_classes(data: Dataset) -> tuple[str, ...]:
    """The classes that a label can be, those of the folder, in natural order."""
    with data.catalog.reading() as connection:
        return tuple(sort_naturally(label_overlay.classes(connection)))


def reverse(
    data: Dataset, action: Reversal, choose: Callable[[Sequence[Entry]], Iterable[Entry]], reason: str = ""
) -> list[Entry]:
    """Write the reversal of the entries that `choose` picks from the log; an empty list if it picks none."""

    def make(entries: Sequence[Entry]) -> list[Entry]:
        uids = tuple(entry.uid for entry in choose(entries))
        if not uids:
            return []
        return [Entry(uid=new_uid(), time=next_time(entries), author=current_author(), action=action, undoes=uids, reason=reason)]

    return _append(data, make)


def next_time(entries: Sequence[Entry]) -> float:
    """The time of a new entry: now, or just after the latest entry if the clock was put back."""
    return max([time.time(), *(entry.time + _TICK for entry in entries)])


def _append(data: Dataset, make: Callable[[Sequence[Entry]], list[Entry]]) -> list[Entry]:
    fresh = open_log(data).append(make)
    data.catalog.labels()  # opening the catalog brings it up to the log here, so that the next page need not wait for it
    return fresh


def _find_targets(data: Dataset, decisions: Sequence[Decision]) -> dict[int, _Target]:
    rows = data.catalog.rows([decision.image for decision in decisions])
    targets = {}
    for image in dict.fromkeys(decision.image for decision in decisions):
        row = rows.get(image)
        if row is None or row.state not in _USABLE or row.hash is None:
            name = row.path if row else f"number {image}"
            reason = f" ({row.reason or row.state})" if row else ""
            raise UserError(
                f"You cannot decide on the image {name}: it is not in {data.name} any more{reason}.", "Go on with the next one."
            )
        copies = [copy.path for copy in data.catalog.copies(row.hash) if copy.state in _USABLE]
        targets[image] = _Target(row, row.hash, copies)
    return targets
