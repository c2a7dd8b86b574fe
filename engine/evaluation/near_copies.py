"""Test images that the model has all but seen: copies, and near-copies by embedding, of training images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.columns import STATES, Columns
from engine.data.layouts import SPLITS
from engine.embeddings.neighbours import Index, mark
from engine.evaluation.metrics import Estimate, proportion

DISTANCES = (0.02, 0.05, 0.1)  # cosine distances: two images picked at random are some 0.7 apart
NEAR = 0.05


@dataclass(frozen=True)
class NearCopies:
    """How near each scored image is to a training image.

    `exact`: (n,) bool, the same file is in train. `distance`: (n,) float32, the cosine distance of the embeddings to the nearest training
    image; NaN where it is not known, everywhere if the dataset's embeddings have not been computed. `twin`: (n,) int64, the id of that
    training image, or of the copy; -1 where none is known.
    """

    exact: np.ndarray
    distance: np.ndarray
    twin: np.ndarray

    @property
    def known(self) -> int:
        """Images whose distance is known."""
        return int((~np.isnan(self.distance)).sum())

    def within(self, distance: float) -> np.ndarray:
        """(n,) bool: copies, and images at most so far from a training image."""
        return self.exact | (self.distance <= distance)


def find_near_copies(columns: Columns, index: Index | None, predictions: pd.DataFrame) -> NearCopies:
    """The scored images against the training images of the catalog as it is now."""
    train = (columns.split == SPLITS.index("train")) & (columns.state == STATES.index("ok"))
    marks = np.array([mark(content) for content in predictions["content"]], np.uint64)
    places = np.flatnonzero(train)
    same_file = (
        pd.Series(columns.ids[places], index=columns.marks(places))
        .groupby(level=0)
        .first()
        .reindex(marks)
        .fillna(-1)
        .to_numpy(np.int64)
    )
    exact, distance, twin = same_file >= 0, np.full(len(predictions), np.nan, np.float32), same_file.copy()
    if index is not None and len(index):
        ids = predictions["image_id"].to_numpy()
        rows = np.minimum(np.searchsorted(index.ids, ids), len(index) - 1)
        known = (index.ids[rows] == ids) & (index.marks[rows] == marks)
        distance[known], nearest = _nearest(index, rows[known], np.isin(index.ids, columns.ids[train]))
        twin[known] = np.where(exact[known], same_file[known], nearest)
    return NearCopies(exact, distance, twin)


def _nearest(index: Index, rows: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each row to the nearest other one that is allowed (NaN without any), and the id of that one (-1): (len(rows),) each."""
    vectors, places = np.asarray(index.vectors(rows)), np.arange(len(rows))
    distance, ids = np.full(len(rows), np.inf, np.float32), np.full(len(rows), -1, np.int64)
    for start, block in index.blocks():
        these = np.flatnonzero(allowed[start : start + len(block)])
        if not len(these):
            continue
        apart = 1 - vectors @ block[these].T
        apart[rows[:, None] == start + these] = np.inf
        best = apart.argmin(axis=1)
        nearer = apart[places, best] < distance
        distance[nearer] = apart[places, best][nearer]
        ids[nearer] = index.ids[start + these[best]][nearer]
    return np.where(np.isfinite(distance), np.maximum(distance, 0), np.nan), ids


@dataclass(frozen=True)
class ScoreWithoutCopies:
    """The score without the images within `distance` of a training image: `excluded` images, `wrong` of these."""

    distance: float
    excluded: int
    wrong: int
    accuracy: Estimate

    def to_dict(self) -> dict:
        return {"distance": self.distance, "left_out": self.excluded, "wrong": self.wrong, "accuracy": self.accuracy.to_dict()}


def score_without_copies(of: NearCopies, right: np.ndarray, distance: float) -> ScoreWithoutCopies:
    """right: (n,) bool, in the order of the copies. A distance of 0 leaves out copies of files alone."""
    near = of.within(distance) if distance else of.exact
    return ScoreWithoutCopies(
        distance, int(near.sum()), int((near & ~right).sum()), proportion(int(right[~near].sum()), int((~near).sum()))
    )
