"""The best run of a dataset by validation: among runs that were scored on the same images with the same labels, and how sure that is.

A score on cleaned labels is not comparable with one on the labels before: labels that were changed where a model doubted them favour
models. And a higher score on a few hundred images may be chance: the best run is compared with the others image by image.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import UserError
from engine.core.file_cache import read_cached
from engine.data.drift import ALPHA, holm
from engine.data.predictions import read_predictions
from engine.evaluation.comparison import compare
from engine.evaluation.tables import load_predictions
from engine.runs.run import Run

_VALIDATION = "predictions-validation.parquet"
_MOST_COMPARED = 10  # of the next best: each costs a read of its answers
_MOST_NAMES = 3


@dataclass(frozen=True)
class Ranking:
    """`best`: the highest macro F1 on validation among the `ranked` runs, the earlier one of equals; None where no run was scored.

    `ranked`: the ids of the runs that were scored on the same validation images and labels as the newest one, the best first. `other`:
    those that were scored on others. `tied`: ids of ranked runs that a paired test does not tell from the best. `compared`: how many were
    tested; `images`: on how many at the least.
    """

    best: Run | None
    ranked: tuple[str, ...]
    other: tuple[str, ...]
    tied: tuple[str, ...]
    compared: int
    images: int

    @property
    def alone(self) -> bool:
        """Whether the newest run is the only one on its labels: then it is the best of nothing."""
        return len(self.ranked) == 1 and bool(self.other)

    def mark(self, run: Run) -> str:
        """`best`, `tied` or nothing."""
        if self.best is None or self.alone:
            return ""
        return "best" if run.id == self.best.id else "tied" if run.id in self.tied else ""


def rank(runs: Sequence[Run]) -> Ranking:
    """Rank the runs of one dataset. The test is McNemar's on each image's validation answer, with Holm's correction."""
    finished = sorted((run for run in runs if "validation" in run.results), key=lambda run: -run.created)
    if not finished:
        return Ranking(None, (), (), (), 0, 0)
    keys = _keys(finished)
    ranked = [run for run in finished if keys[run.id] == keys[finished[0].id]]
    ranked.sort(key=lambda run: (-run.results["validation"]["macro_f1"]["value"], run.created))
    other = tuple(run.id for run in finished if keys[run.id] != keys[finished[0].id])
    tested = _tested(ranked[0], ranked[1 : 1 + _MOST_COMPARED])
    adjusted = holm(np.array([p for _, p, _ in tested]))
    tied = tuple(run_id for (run_id, _, _), p in zip(tested, adjusted, strict=True) if p >= ALPHA)
    images = min((n for _, _, n in tested), default=0)
    return Ranking(ranked[0], tuple(run.id for run in ranked), other, tied, len(tested), images)


def sentence(ranking: Ranking) -> str:
    """Which run is the best by validation, how sure that is, and which runs are not ranked. Untrusted ids stand as they are."""
    if ranking.best is None:
        return ""
    score = ranking.best.results["validation"]["macro_f1"]["value"]
    if ranking.alone:
        return (
            f"No run is marked as the best: {ranking.best.id} (validation macro F1 {score:.3f}) and {_names(ranking.other)} were scored on "
            "different validation images or labels."
        )
    text = f"The best by validation is {ranking.best.id} (macro F1 {score:.3f})"
    if ranking.tied:
        text += f", not distinguishable from {_names(ranking.tied)} by a paired test on {ranking.images:,} validation images"
    elif ranking.compared:
        text += f", better than {'the other' if ranking.compared == 1 else f'the next {ranking.compared:,}'} by a paired test"
    text += "; it is never chosen by test, which would make its score too good."
    if ranking.other:
        text += f" Not ranked with it: {_names(ranking.other)}, scored on other validation images or labels."
    return text


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMES:,} more" if len(ids) > _MOST_NAMES else ""
    return ", ".join(ids[:_MOST_NAMES]) + more


def _tested(best: Run, others: Iterable[Run]) -> list[tuple[str, float, int]]:
    """Id, McNemar's p against the best run, and the number of images; without the runs whose answers cannot be read."""
    tested = []
    try:
        answers = load_predictions(best, "validation")
    except UserError:
        return []
    for run in others:
        try:
            result = compare(load_predictions(run, "validation"), answers, run.classes, best.classes)
        except UserError:
            continue
        tested.append((run.id, result.mcnemar, len(result)))
    return tested


def _keys(runs: Sequence[Run]) -> dict[str, str]:
    """By run id: what names its validation images and their labels.

    Runs of one data fingerprint share them, so one table for each fingerprint is read: a thousand would take seconds.
    """
    by_fingerprint: dict[str, str] = {}
    for run in runs:
        if run.fingerprint not in by_fingerprint and (key := read_cached(run.path, _VALIDATION, _validation_key)):
            by_fingerprint[run.fingerprint] = key
    return {run.id: by_fingerprint.get(run.fingerprint, run.fingerprint) for run in runs}


def _validation_key(file: Path) -> str:
    """A hash of the contents and class names of the images in a prediction table; empty where it cannot be read."""
    try:
        table = read_predictions(file.parent, "validation", ["content", "true"])
        names = np.array(Run(file.parent.name, file.parent).classes, object)[table["true"]]
    except (UserError, IndexError, KeyError):
        return ""
    lines = sorted(f"{content} {name}" for content, name in zip(table["content"], names, strict=True))
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
