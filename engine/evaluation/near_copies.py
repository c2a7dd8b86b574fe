"""Leaks: copies of training images among the scored ones, and near-duplicates by embedding."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.core.estimate import Estimate
from engine.data.columns import STATES, Columns, find_unchanged
from engine.data.layouts import SPLITS
from engine.data.predictions import Predictions
from engine.embeddings.neighbours import Index
from engine.evaluation.metrics import proportion

DISTANCES = (0.02, 0.05, 0.1)  # cosine distances: two random images are about 0.7 apart
NEAR = 0.05


@dataclass(frozen=True)
class NearCopies:
    """How near each scored image is to a training image.

    `exact`: (n,) bool, whether the training set has a copy of the file. `distance`: (n,) float32, the cosine distance of the embeddings to
    the nearest training image; NaN where unknown, which is everywhere before the dataset's embeddings are computed. `twin`: (n,) int64, the
    id of the copy, or else of that nearest training image; -1 where unknown.
    """

    exact: np.ndarray
    distance: np.ndarray
    twin: np.ndarray

    @property
    def known(self) -> int:
        """The number of images with a known distance."""
        return int((~np.isnan(self.distance)).sum())

    def within(self, distance: float) -> np.ndarray:
        """(n,) bool: copies, and images at most this far from a training image."""
        return self.exact | (self.distance <= distance)


def find_near_copies(columns: Columns, index: Index | None, predictions: Predictions) -> NearCopies:
    """Compares the scored images with the training images that the catalog has now."""
    is_train = (columns.split == SPLITS.index("train")) & (columns.state == STATES.index("ok"))
    train = np.flatnonzero(is_train)
    same_file = (
        pd.Series(columns.ids[train], index=columns.marks(train))
        .groupby(level=0)
        .first()
        .reindex(predictions.marks)
        .fillna(-1)
        .to_numpy(np.int64)
    )
    exact, distance, twin = same_file >= 0, np.full(len(predictions), np.nan, np.float32), same_file.copy()
    if index is not None and len(index):
        # The index may be older than the table.
        rows = find_unchanged(predictions.ids, predictions.marks, index.ids, index.marks.__getitem__)
        known = rows >= 0
        distance[known], nearest = _find_nearest(index, rows[known], np.isin(index.ids, columns.ids[train]))
        twin[known] = np.where(exact[known], same_file[known], nearest)
    return NearCopies(exact, distance, twin)


def _find_nearest(index: Index, rows: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each row to the nearest other row that is allowed, and the id of that one: (n,) each; NaN and -1 where there is none."""
    vectors, places = np.asarray(index.vectors(rows)), np.arange(len(rows))
    distance, ids = np.full(len(rows), np.inf, np.float32), np.full(len(rows), -1, np.int64)
    # Block by block: the distances to all training images at once would not fit into memory.
    for start, block in index.blocks():
        candidates = np.flatnonzero(allowed[start : start + len(block)])
        if not len(candidates):
            continue
        distances = 1 - vectors @ block[candidates].T
        distances[rows[:, None] == start + candidates] = np.inf  # not an image with itself
        best = distances.argmin(axis=1)
        nearer = distances[places, best] < distance
        distance[nearer] = distances[places, best][nearer]
        ids[nearer] = index.ids[start + candidates[best]][nearer]
    return np.where(np.isfinite(distance), np.maximum(distance, 0), np.nan), ids


@dataclass(frozen=True)
class ScoreWithoutCopies:
    """The score without the images within `distance` of a training image: `excluded` images, `wrong` among them."""

    distance: float
    excluded: int
    wrong: int
    accuracy: Estimate

    def to_dict(self) -> dict[str, Any]:
        return {"distance": self.distance, "left_out": self.excluded, "wrong": self.wrong, "accuracy": self.accuracy.to_dict()}


def score_without_copies(copies: NearCopies, right: np.ndarray, distance: float) -> ScoreWithoutCopies:
    """The score on the remaining images. right: (n,) bool, for all images. A distance of 0 excludes copies of files only."""
    near = copies.within(distance) if distance else copies.exact
    return ScoreWithoutCopies(
        distance=distance,
        excluded=int(near.sum()),
        wrong=int((near & ~right).sum()),
        accuracy=proportion(int(right[~near].sum()), int((~near).sum())),
    )
