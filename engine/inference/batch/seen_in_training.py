"""Which images a run was trained on: a score on them says little about new ones."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.inference.batch.store import BatchImage
from engine.runs.run import Run


def find_training_images(runs: Iterable[Run], images: Sequence[BatchImage]) -> frozenset[int]:
    """The numbers of the images that are training images of any of the runs.

    Uploads are compared by content, files by their path: those in a dataset's folder are its images.
    """
    contents: set[str] = set()
    places: set[str] = set()
    for name in {run.config.dataset for run in runs}:
        try:
            catalog = load_dataset(name).catalog
        except UserError:
            continue
        frame = catalog.frame("train")
        contents |= set(frame["hash"])
        places |= {os.path.realpath(file) for file in catalog.files(frame)}
    return frozenset(
        image.number
        for image in images
        if (image.content in contents if image.content else os.path.realpath(image.file) in places)
    )


@dataclass(frozen=True)
class FairScoring:
    """The images that may be scored: `rows` of `engine.inference.batch.table.labelled_outcomes` that no run was trained on.

    `excluded`: how many training images there are.

    `only`: there are no others, so that `rows` are these.
    """

    rows: pd.DataFrame
    excluded: int
    only: bool

    def sentence(self, names: str) -> str:
        """A sentence on what was excluded; "" where nothing was. `names`: those of the runs."""
        if not self.excluded:
            return ""
        if self.only:
            return f"All of them are training images of {names}: the score says nothing about new images."
        are = "is a training image" if self.excluded == 1 else "are training images"
        return f"{self.excluded:,} more {are} of {names}, excluded from the score."


def exclude_training_images(known: pd.DataFrame, training_images: frozenset[int]) -> FairScoring:
    """The labelled images without the training images, given by number; all of them where nothing else is left."""
    seen = known["number"].isin(training_images)
    only = bool(len(known) and seen.all())
    return FairScoring(known if only else known[~seen], len(known[seen]), only)
