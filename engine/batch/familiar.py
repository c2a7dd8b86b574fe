"""Which pictures a run has learnt from: a score on them says little about new ones."""

import os
from collections.abc import Iterable, Sequence

import pandas as pd

from engine.batch.store import Picture
from engine.data.datasets import dataset
from engine.errors import UserError
from engine.runs import Run


def learnt_from(runs: Iterable[Run], pictures: Sequence[Picture]) -> frozenset[int]:
    """The numbers of the pictures that are training images of any of the runs.

    Uploads are told by their content, files by where they lie: those in a dataset's folder are its images.
    """
    contents: set[str] = set()
    places: set[str] = set()
    for name in {run.config.dataset for run in runs}:
        try:
            catalog = dataset(name).catalog
        except UserError:
            continue
        frame = catalog.frame("train")
        contents |= set(frame["hash"])
        places |= {os.path.realpath(file) for file in catalog.files(frame)}
    return frozenset(
        picture.number
        for picture in pictures
        if (picture.content in contents if picture.content else os.path.realpath(picture.file) in places)
    )


def fair(known: pd.DataFrame, learnt: frozenset[int]) -> tuple[pd.DataFrame, int]:
    """The rows of `engine.batch.table.labelled` that no run has learnt from, and how many were left out.

    Where it has learnt from all of them: all of them, as there is nothing else to score.
    """
    seen = known["number"].isin(learnt)
    return (known if seen.all() else known[~seen]), int(seen.sum())


def said(left_out: int, scored: int, names: str) -> str:
    """A sentence on what was left out of a score of `scored` pictures; "" where nothing was. `names`: the runs'."""
    if not left_out:
        return ""
    if left_out == scored:
        return f"All of them are training images of {names}: the score says nothing about new pictures."
    return f"{left_out:,} more {'is a training image' if left_out == 1 else 'are training images'} of {names}, left out of the score."
