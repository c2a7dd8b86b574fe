"""What stands: the decisions of a log, later ones over earlier ones, without what was undone. Pure functions over entries.

The order is that of (time, uid) and not of the lines: two logs that were merged into each other say the same, whichever came first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.data.labels.label_edit import Entry


@dataclass(frozen=True)
class Standing:
    """What holds for one image. `rivals`: decisions that say something else and did not know of the one that won."""

    winner: Entry
    rivals: tuple[Entry, ...] = ()

    @property
    def excluded(self) -> bool:
        return self.winner.action == "exclude"

    @property
    def relabelled(self) -> str | None:
        """The class that the image was given; None where it keeps the one that it is filed under."""
        return self.winner.to if self.winner.action == "relabel" else None


def effective(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that hold, reversals among them, in the order of time: an undo that was undone undoes nothing."""
    undone: set[str] = set()
    holding = []
    for entry in sorted(entries, key=_order, reverse=True):
        if entry.uid in undone:
            continue
        holding.append(entry)
        if not entry.decides:
            undone.update(entry.undoes)
    return holding[::-1]


def heads(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """By content, the decisions that hold and that no other one has replaced, in the order of time."""
    holding = [entry for entry in effective(entries) if entry.decides]
    replaced = {uid for entry in holding for uid in entry.replaces}
    result: dict[str, list[Entry]] = defaultdict(list)
    for entry in holding:
        if entry.uid not in replaced:
            result[entry.content].append(entry)
    return dict(result)


def settle(heads_of_content: Sequence[Entry], paths: Iterable[str]) -> dict[str, Standing]:
    """What stands for each file of one content, by path; files about which nothing was decided are left out.

    A class is the content's: it holds for every copy. Exclusion is the file's, as one of two copies is to stay. The decision about a
    file that has moved goes to the copy that has none of its own.
    """
    own = _of_each(heads_of_content, paths)
    last = next((entry for entry in reversed(heads_of_content) if entry.action == "relabel"), None)
    result = {}
    for path, mine in own.items():
        winner = mine[-1] if mine else last
        if last and winner and winner.action != "exclude" and _order(last) > _order(winner):
            winner = last
        if winner:
            result[path] = Standing(winner, tuple(entry for entry in mine if entry.outcome != winner.outcome))
    return result


def decided_before(heads_of_content: Sequence[Entry], paths: Iterable[str], path: str) -> tuple[str, ...]:
    """The entries that a new decision about the file at `path` replaces."""
    return tuple(entry.uid for entry in _of_each(heads_of_content, paths).get(path, ()))


def _of_each(heads_of_content: Sequence[Entry], paths: Iterable[str]) -> dict[str, list[Entry]]:
    own: dict[str, list[Entry]] = {path: [] for path in sorted(paths)}
    homeless: dict[str, list[Entry]] = defaultdict(list)
    for entry in heads_of_content:
        (own if entry.path in own else homeless)[entry.path].append(entry)
    free = [path for path, mine in own.items() if not mine]
    for path, old in zip(free, sorted(homeless), strict=False):
        own[path] = homeless[old]
    return own


def conflicts(standings: Mapping[str, Standing]) -> dict[str, Standing]:
    """Those about which people disagree."""
    return {key: standing for key, standing in standings.items() if standing.rivals}


def _order(entry: Entry) -> tuple[float, str]:
    return entry.time, entry.uid
