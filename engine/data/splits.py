"""The honest protocol: which image trains, which chooses, which scores.

Where the layout names the splits they are kept; validation is carved out of train where it is missing. A folder without
splits is divided by seed. Everything is stratified by class, copies of one file stay on one side, and an image that has
a place keeps it when others are added later.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CARVED = {"validation": 0.10}
DIVIDED = {"validation": 0.15, "test": 0.15}


@dataclass(frozen=True)
class Candidate:
    """An image that waits for a place. `content` identifies copies; `split` is the place it has already, if any."""

    id: int
    content: str
    class_name: str
    split: str | None


def assign(candidates: Iterable[Candidate], shares: Mapping[str, float], seed: int) -> dict[int, str]:
    """The split of each candidate's id: `shares` of every class to the named splits, the rest to train.

    A class of two or more distinct images gets at least one of them into each named split, while one is left to train on.
    """
    by_class: dict[str, dict[str, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    place: dict[str, str] = {}
    for candidate in candidates:
        by_class[candidate.class_name][candidate.content].append(candidate)
        if candidate.split:
            place.setdefault(candidate.content, candidate.split)
    for class_name in sorted(by_class):
        _fill(by_class[class_name], shares, seed, place)
    return {c.id: place[c.content] for groups in by_class.values() for group in groups.values() for c in group}


def _fill(groups: Mapping[str, list[Candidate]], shares: Mapping[str, float], seed: int, place: dict[str, str]) -> None:
    """Give the class's unplaced contents their splits, in an order that depends on the seed and the content alone."""
    waiting = sorted((content for content in groups if content not in place), key=lambda content: _rank(seed, content))
    for split, share in shares.items():
        quota = max(1, round(share * len(groups)))
        missing = quota - sum(place.get(content) == split for content in groups)
        while missing > 0 and len(waiting) > 1:
            place[waiting.pop(0)] = split
            missing -= 1
    for content in waiting:
        place[content] = "train"


def _rank(seed: int, content: str) -> str:
    return hashlib.blake2b(f"{seed}:{content}".encode(), digest_size=8).hexdigest()
