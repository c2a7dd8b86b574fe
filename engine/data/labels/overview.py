"""What the label log of a dataset amounts to: counts, conflicts, and what stands about one image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import Standing, effective, heads, settle
from engine.data.overlay import EDITS

_USABLE = ("ok", "excluded")


@dataclass(frozen=True)
class Conflict:
    """People decided differently about the image at `path`, without knowing of each other."""

    image: int
    path: str
    standing: Standing

    @property
    def words(self) -> str:
        """Who wins over whom."""
        others = "; ".join(said(entry) for entry in self.standing.rivals)
        return f"{said(self.standing.winner)} holds, as the later one, over {others}"


def said(entry: Entry) -> str:
    """A decision as people say it; names in it are untrusted text."""
    return f"{decision(entry)} ({entry.who})"


def decision(entry: Entry) -> str:
    """What was decided, without who did."""
    what = {"relabel": f"relabelled as {entry.to}", "exclude": "excluded", "keep": "kept", "unsure": "not sure"}
    return what.get(entry.action, entry.action)


HOLDS, UNDONE, REPLACED = "holds", "undone", "replaced by a later decision"


def states(entries: Sequence[Entry]) -> dict[str, str]:
    """By the entry's uid, whether it still says something: HOLDS, UNDONE or REPLACED."""
    effective_uids = {entry.uid for entry in effective(entries)}
    latest = {entry.uid for decided in heads(entries).values() for entry in decided}
    return {
        entry.uid: UNDONE if entry.uid not in effective_uids else HOLDS if not entry.decides or entry.uid in latest else REPLACED
        for entry in entries
    }


def conflicts(data: Dataset) -> list[Conflict]:
    """The images about which decisions disagree, by path."""
    result = []
    for content, decided in heads(edits.log(data).entries).items():
        if len(decided) < 2:
            continue
        rows = {row.path: row for row in data.catalog.copies(content) if row.state in _USABLE}
        result += [Conflict(rows[path].id, path, one) for path, one in settle(decided, rows).items() if one.rivals]
    return sorted(result, key=lambda conflict: conflict.path)


def counts(data: Dataset) -> list[dict[str, Any]]:
    """How many images were edited: a row a split and kind of edit, of those that there are."""
    query = "SELECT split, edited, count(*) FROM images WHERE edited IS NOT NULL AND state IN ('ok', 'excluded') GROUP BY 1, 2"
    with data.catalog.reading() as connection:
        rows = connection.execute(query).fetchall()
    return [{"split": split, "edited": edit, "n": n} for split, edit, n in sorted(rows, key=lambda row: EDITS.index(row[1]))]


def summary(data: Dataset) -> dict[str, Any]:
    """The state of the labels as one JSON document."""
    log = edits.log(data)
    return {
        "dataset": data.name,
        "version": log.version(),
        "entries": len(log.entries),
        "edited": counts(data),
        "conflicts": [
            {"image": one.image, "path": one.path, "holds": one.standing.winner.document(),
             "over": [entry.document() for entry in one.standing.rivals]}
            for one in conflicts(data)
        ],
        "damaged": log.damaged,
    }  # fmt: skip
