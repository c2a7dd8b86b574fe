"""The best run of a dataset by validation, among runs that were scored on the same images and labels, and how certain that is.

A score on cleaned labels is not comparable with one on the labels before: labels that were changed where a model doubted them favour
models. And a higher score on a few hundred images may be chance, so the best run is compared with the others image by image.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.core.errors import UserError
from engine.core.file_cache import read_cached
from engine.data.drift import ALPHA, holm
from engine.data.predictions import read_predictions
from engine.evaluation.comparison import compare
from engine.runs.run import Run

_VALIDATION = "predictions-validation.parquet"
_MOST_COMPARED = 10  # of the next best: for each, its predictions are read
_MOST_NAMES = 3


@dataclass(frozen=True)
class Ranking:
    """The runs of a dataset in order of their validation scores.

    `best`: the highest macro F1 among the `ranked` runs, the earlier of equal ones; None where no run was scored. `ranked`: the ids of the
    runs that were scored on the same validation images and labels as the newest one, the best first. `other`: the ids of the rest.
    `tied`: ids of ranked runs that a paired test cannot distinguish from the best. `compared`: how many were tested. `images`: the
    smallest number of images in these tests.
    """

    best: Run | None
    ranked: tuple[str, ...]
    other: tuple[str, ...]
    tied: tuple[str, ...]
    compared: int
    images: int

    @property
    def alone(self) -> bool:
        """Whether the newest run is the only one on its images and labels: then there is nothing that it is best of."""
        return len(self.ranked) == 1 and bool(self.other)

    def mark(self, run: Run) -> Literal["best", "tied", ""]:
        """The run's place in the ranking; "" where it is neither the best nor tied with it."""
        if self.best is None or self.alone:
            return ""
        if run.id == self.best.id:
            return "best"
        return "tied" if run.id in self.tied else ""


def rank(runs: Sequence[Run]) -> Ranking:
    """Rank the runs of one dataset. Ties: McNemar's test on the validation predictions, with Holm's correction."""
    finished = sorted((run for run in runs if "validation" in run.results), key=lambda run: -run.created)
    if not finished:
        return Ranking(best=None, ranked=(), other=(), tied=(), compared=0, images=0)
    keys = _keys(finished)
    # The newest run sets the standard: after a clean-up, the runs on the old labels are the ones to leave out.
    ranked = [run for run in finished if keys[run.id] == keys[finished[0].id]]
    ranked.sort(key=lambda run: (-run.results["validation"]["macro_f1"]["value"], run.created))
    other = tuple(run.id for run in finished if keys[run.id] != keys[finished[0].id])
    tests = _compare_with_best(ranked[0], ranked[1 : 1 + _MOST_COMPARED])
    adjusted = holm(np.array([p for _, p, _ in tests]))
    tied = tuple(run_id for (run_id, _, _), p in zip(tests, adjusted, strict=True) if p >= ALPHA)
    return Ranking(
        best=ranked[0],
        ranked=tuple(run.id for run in ranked),
        other=other,
        tied=tied,
        compared=len(tests),
        images=min((n for _, _, n in tests), default=0),
    )


def sentence(ranking: Ranking) -> str:
    """Which run is the best by validation, how certain that is, and which runs are not ranked. Untrusted ids stand as they are."""
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
    text += ". Test scores play no part in this choice, so that they stay unbiased."
    if ranking.other:
        text += f" Not ranked with it: {_names(ranking.other)}, scored on other validation images or labels."
    return text


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMES:,} more" if len(ids) > _MOST_NAMES else ""
    return ", ".join(ids[:_MOST_NAMES]) + more


def _compare_with_best(best: Run, others: Iterable[Run]) -> list[tuple[str, float, int]]:
    """Id, McNemar's p against the best run, and the number of images; without the runs whose predictions cannot be read."""
    tests = []
    try:
        predictions = best.predictions("validation")
    except UserError:
        return []
    for run in others:
        try:
            result = compare(run.predictions("validation"), predictions)
        except UserError:
            continue
        tests.append((run.id, result.mcnemar, len(result)))
    return tests


def _keys(runs: Sequence[Run]) -> dict[str, str]:
    """By run id, a key of its validation images and their labels.

    Runs with the same data fingerprint share them, so only one table per fingerprint is read: a thousand would take seconds.
    """
    by_fingerprint: dict[str, str] = {}
    for run in runs:
        if run.fingerprint in by_fingerprint:
            continue
        key = read_cached(run.path, _VALIDATION, _validation_key)
        if key:
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
