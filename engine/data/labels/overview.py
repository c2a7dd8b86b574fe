"""What the label log of a dataset amounts to: counts, conflicts, and decisions in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from engine.data.datasets import Dataset
from engine.data.label_overlay import EDITS
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry, EntryDocument
from engine.data.labels.label_state import LabelState, effective_entries, latest_decisions, resolve_states

_USABLE = ("ok", "excluded")
HOLDS, UNDONE, REPLACED = "holds", "undone", "replaced by a later decision"


class EditCount(TypedDict):
    """`n` images of `split` (None: no split) are `edited`: relabelled, excluded, kept or unsure."""

    split: str | None
    edited: str
    n: int


class Summary(TypedDict):
    """The state of the labels as one JSON document. `edited` has one row per split and kind of edit."""

    dataset: str
    version: str
    entries: int
    edited: list[EditCount]
    conflicts: list["ConflictDocument"]
    damaged: list[str]


@dataclass(frozen=True)
class Conflict:
    """People decided differently about the image at `path`, without knowing of each other."""

    image: int
    path: str
    state: LabelState

    @property
    def sentence(self) -> str:
        """Which decision wins over which."""
        others = "; ".join(signed_text(entry) for entry in self.state.rivals)
        return f"{signed_text(self.state.winner)} holds, as the later one, over {others}"

    def document(self) -> "ConflictDocument":
        """The conflict as a JSON object: `holds` is the winning entry, `over` are the others."""
        return {
            "image": self.image, "path": self.path, "holds": self.state.winner.document(),
            "over": [entry.document() for entry in self.state.rivals],
        }  # fmt: skip


class ConflictDocument(TypedDict):
    """A `Conflict` for programs."""

    image: int
    path: str
    holds: EntryDocument
    over: list[EntryDocument]


def signed_text(entry: Entry) -> str:
    """A decision in words, with its author. Class and author are untrusted text."""
    return f"{decision_text(entry)} ({entry.author})"


def decision_text(entry: Entry) -> str:
    """What was decided, without the author."""
    texts = {"relabel": f"relabelled as {entry.new_class}", "exclude": "excluded", "keep": "kept", "unsure": "not sure"}
    return texts.get(entry.action, entry.action)


def entry_states(entries: Sequence[Entry]) -> dict[str, str]:
    """By the entry's uid, whether it is still in force: HOLDS, UNDONE or REPLACED."""
    in_force = {entry.uid for entry in effective_entries(entries)}
    latest = {entry.uid for decisions in latest_decisions(entries).values() for entry in decisions}
    states = {}
    for entry in entries:
        if entry.uid not in in_force:
            states[entry.uid] = UNDONE
        elif entry.is_decision and entry.uid not in latest:
            states[entry.uid] = REPLACED
        else:
            states[entry.uid] = HOLDS
    return states


def list_conflicts(data: Dataset) -> list[Conflict]:
    """The images that people decided on differently, by path."""
    conflicts = []
    for content, decisions in latest_decisions(edits.open_log(data).entries).items():
        if len(decisions) < 2:
            continue
        rows = {row.path: row for row in data.catalog.copies(content) if row.state in _USABLE}
        states = resolve_states(decisions, rows)
        conflicts += [Conflict(rows[path].id, path, state) for path, state in states.items() if state.rivals]
    return sorted(conflicts, key=lambda conflict: conflict.path)


def count_edits(data: Dataset) -> list[EditCount]:
    """How many images were edited: one row per split and kind of edit that occur."""
    query = "SELECT split, edited, count(*) FROM images WHERE edited IS NOT NULL AND state IN ('ok', 'excluded') GROUP BY 1, 2"
    with data.catalog.reading() as connection:
        rows = connection.execute(query).fetchall()
    return [{"split": split, "edited": edit, "n": n} for split, edit, n in sorted(rows, key=lambda row: EDITS.index(row[1]))]


def summary(data: Dataset) -> Summary:
    """The state of the labels."""
    log = edits.open_log(data)
    return {
        "dataset": data.name,
        "version": log.version(),
        "entries": len(log.entries),
        "edited": count_edits(data),
        "conflicts": [conflict.document() for conflict in list_conflicts(data)],
        "damaged": log.damaged,
    }
