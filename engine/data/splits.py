"""Assigns images to splits: training, validation (for choosing a model) and test (for the final score).

Splits that the layout names are kept; where validation is missing, it is taken from train. A folder without splits is divided
by seed. Splits are stratified by class, copies of a file go to the same split, and an image keeps its split when others are
added later.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SHARES_OF_TRAIN = {"validation": 0.10}  # where the layout names train and test but no validation
SHARES_OF_ALL = {"validation": 0.15, "test": 0.15}  # where the layout names no splits


@dataclass(frozen=True)
class Candidate:
    """An image to assign. `content` identifies copies; `split` is the one that it was assigned earlier, if any."""

    id: int
    content: str
    class_name: str
    split: str | None


def assign(candidates: Iterable[Candidate], shares: Mapping[str, float], seed: int) -> dict[int, str]:
    """The split of each candidate, by id: `shares` of every class go to the named splits, the rest to train.

    Each named split gets at least one image of every class, as long as one is left to train on.
    """
    by_class: dict[str, dict[str, list[Candidate]]] = defaultdict(lambda: defaultdict(list))
    split_by_content: dict[str, str] = {}
    for candidate in candidates:
        by_class[candidate.class_name][candidate.content].append(candidate)
        if candidate.split:
            split_by_content.setdefault(candidate.content, candidate.split)
    for class_name in sorted(by_class):
        _assign_class(by_class[class_name], shares, seed, split_by_content)
    return {c.id: split_by_content[c.content] for groups in by_class.values() for group in groups.values() for c in group}


def _assign_class(
    groups: Mapping[str, list[Candidate]], shares: Mapping[str, float], seed: int, split_by_content: dict[str, str]
) -> None:
    """Add the splits of a class's new contents to `split_by_content`, in an order given by seed and content alone."""
    pending = sorted((content for content in groups if content not in split_by_content), key=lambda content: _rank(seed, content))
    for split, share in shares.items():
        quota = max(1, round(share * len(groups)))
        missing = quota - sum(split_by_content.get(content) == split for content in groups)
        while missing > 0 and len(pending) > 1:
            split_by_content[pending.pop(0)] = split
            missing -= 1
    for content in pending:
        split_by_content[content] = "train"


def _rank(seed: int, content: str) -> str:
    return hashlib.blake2b(f"{seed}:{content}".encode(), digest_size=8).hexdigest()
