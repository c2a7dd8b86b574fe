"""Deciding about a dataset's images: each decision is on the disk, and in the catalog, when the call returns."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.errors import UserError
from engine.data import overlay
from engine.data.catalog import Row
from engine.data.class_names import sort_naturally
from engine.data.datasets import Dataset
from engine.data.labels.label_edit import Entry, myself, new_uid
from engine.data.labels.label_log import Log
from engine.data.labels.label_state import decided_before, effective, heads

_TICK = 1e-6  # seconds between two entries: the order of time is that of the log
_USABLE = ("ok", "excluded")


@dataclass(frozen=True)
class Decision:
    """What is decided about one image. `action`: relabel (with the class `to`), exclude, keep, unsure; `finding`: what it answers."""

    image: int
    action: str
    to: str | None = None
    finding: str = ""


@dataclass(frozen=True)
class Choice:
    """Decisions at one stroke: they are undone together. `finding`: what they answer; `why`: in the person's words; `seen`: how many
    entries the log had when the person looked (None: whatever is there), so that nothing is decided twice unseen."""

    decisions: Sequence[Decision]
    finding: str = ""
    why: str = ""
    who: str = field(default_factory=myself)
    seen: int | None = None


class AlreadyDecided(UserError):
    """Somebody, or an earlier key, has decided about it since the person looked; `entry` says how."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"{entry.path} was already decided on: nothing was changed.", "Undo that decision first.")
        self.entry = entry


def log(data: Dataset) -> Log:
    """The label log of a dataset."""
    return overlay.label_log(data.catalog.file)


def decide(data: Dataset, choice: Choice) -> list[Entry]:
    """Write the decisions into the log; the entries. Raises UserError for an image that is gone and a class that is not known.

    What was decided after `choice.seen` is not overwritten: its decisions are left out, and where nothing else is left, AlreadyDecided
    is raised.
    """
    rows = _rows(data, choice.decisions)
    classes = known_classes(data)
    for decision in choice.decisions:
        if decision.action == "relabel" and decision.to not in classes:
            raise UserError(f"There is no class {decision.to!r} in {data.name}.", f"Its classes: {', '.join(classes)}.")
    copies = {row.hash: [copy.path for copy in data.catalog.copies(row.hash) if copy.state in _USABLE] for row in rows.values()}

    def make(entries: Sequence[Entry]) -> list[Entry]:
        decisions = choice.decisions if choice.seen is None else _not_decided_since(choice, entries, rows)
        standing, clock, batch = heads(entries), after(entries), new_uid()
        return [
            Entry(
                uid=new_uid(), time=clock + i * _TICK, who=choice.who, action=one.action, content=row.hash, path=row.path,
                id=row.id, was=row.class_name, to=one.to, why=choice.why, finding=one.finding or choice.finding, batch=batch,
                replaces=decided_before(standing.get(row.hash, ()), copies[row.hash], row.path),
            )
            for i, one in enumerate(decisions) if (row := rows[one.image])
        ]  # fmt: skip

    return _written(data, make)


def _not_decided_since(choice: Choice, entries: Sequence[Entry], rows: Mapping[int, Row]) -> list[Decision]:
    """The decisions about what nobody has decided since the person looked. A finding is answered whole or not at all."""
    earlier = {entry.uid for entry in entries[: choice.seen]}
    recent = [entry for entry in effective(entries) if entry.decides and entry.uid not in earlier]
    files = {(entry.content, entry.path) for entry in recent}
    taken = {entry.finding for entry in recent if entry.finding}
    for one in choice.decisions:
        row = rows[one.image]
        name = one.finding or choice.finding
        if name and (row.hash, row.path) in files:
            taken.add(name)
    result = [
        one for one in choice.decisions
        if (one.finding or choice.finding) not in taken and (rows[one.image].hash, rows[one.image].path) not in files
    ]  # fmt: skip
    if choice.decisions and not result:
        paths = {rows[one.image].path for one in choice.decisions}
        last = next((entry for entry in reversed(recent) if entry.path in paths), recent[-1])
        raise AlreadyDecided(last)
    return result


def relabel(data: Dataset, images: Iterable[int], to: str, **said: str) -> list[Entry]:
    """Give the images another class; an image without one joins the training images with it."""
    return decide(data, Choice([Decision(image, "relabel", to) for image in images], **said))


def exclude(data: Dataset, images: Iterable[int], **said: str) -> list[Entry]:
    """Leave the images out of training and scoring."""
    return decide(data, Choice([Decision(image, "exclude") for image in images], **said))


def keep(data: Dataset, images: Iterable[int], **said: str) -> list[Entry]:
    """The images are in, under the class of their folder: a decision that nothing is wrong, or that an earlier one was."""
    return decide(data, Choice([Decision(image, "keep") for image in images], **said))


def unsure(data: Dataset, images: Iterable[int], **said: str) -> list[Entry]:
    """Decide later: nothing changes."""
    return decide(data, Choice([Decision(image, "unsure") for image in images], **said))


def keep_one(data: Dataset, kept: int, images: Iterable[int], **said: str) -> list[Entry]:
    """Keep one image of a set and leave the others out."""
    return decide(data, Choice([Decision(i, "keep" if i == kept else "exclude") for i in dict.fromkeys([kept, *images])], **said))


def known_classes(data: Dataset) -> tuple[str, ...]:
    """The classes that a label can be: those of the folder, by name."""
    with data.catalog.reading() as connection:
        return tuple(sort_naturally(overlay.classes(connection)))


def reverse(data: Dataset, action: str, choose: Callable[[Sequence[Entry]], Sequence[Entry]], why: str = "") -> list[Entry]:
    """Write a reversal (undo, redo, restore) of the entries that `choose` picks; nothing where it picks none."""

    def make(entries: Sequence[Entry]) -> list[Entry]:
        chosen = choose(entries)
        uids = tuple(entry.uid for entry in chosen)
        return [Entry(uid=new_uid(), time=after(entries), who=myself(), action=action, undoes=uids, why=why)] if uids else []

    return _written(data, make)


def after(entries: Sequence[Entry]) -> float:
    """Now, or a moment after everything that is in the log: a clock that was put back changes no order."""
    return max([time.time(), *(entry.time + _TICK for entry in entries)])


def _written(data: Dataset, make: Callable[[Sequence[Entry]], list[Entry]]) -> list[Entry]:
    fresh = log(data).append(make)
    data.catalog.labels()  # opened, the catalog catches up: the next page need not
    return fresh


def _rows(data: Dataset, decisions: Sequence[Decision]) -> dict[int, Row]:
    rows = data.catalog.rows([decision.image for decision in decisions])
    for decision in decisions:
        row = rows.get(decision.image)
        if row is None or row.state not in _USABLE or row.hash is None:
            name = row.path if row else f"number {decision.image}"
            reason = f" ({row.reason or row.state})" if row else ""
            raise UserError(
                f"You cannot decide on the image {name}: it is not in {data.name} any more{reason}.",
                "Go on with the next one.",
            )
    return rows
