"""Confusion matrices of any two axes, image by image: true against predicted classes, or the predictions of two runs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.data.predictions import Predictions


@dataclass(frozen=True)
class Axis:
    """One axis: the predicted classes of a run's predictions, or (with `truth`) the true ones."""

    predictions: Predictions
    truth: bool = False

    @property
    def indices(self) -> np.ndarray:
        """(n,) indices into `classes`."""
        return self.predictions.true if self.truth else self.predictions.predicted

    @property
    def classes(self) -> tuple[str, ...]:
        return self.predictions.classes


@dataclass(frozen=True)
class CrossConfusion:
    """Two axes on the images that both have.

    `classes`: those of the rows' axis, then those that only the columns' axis has. `rows`, `columns`: (n,) indices into `classes`.
    `places`, `other_places`: (n,) the images' row numbers in the first and in the second table. `sizes`: images per table. `relabelled`:
    images whose true class differs in the second table. `only_rows`, `only_columns`: classes of just one axis.
    """

    classes: tuple[str, ...]
    rows: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    other_places: np.ndarray
    sizes: tuple[int, int]
    relabelled: int
    only_rows: tuple[str, ...]
    only_columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def matrix(self) -> np.ndarray:
        """(classes, classes) counts."""
        n = len(self.classes)
        return np.bincount(self.rows * n + self.columns, minlength=n * n).reshape(n, n)


def cross_tabulate(rows: Axis, columns: Axis) -> CrossConfusion:
    """The two axes, matched by the images' contents. Raises UserError where they share no image.

    An image counts as often as the first table has it; of copies in the second table, only the first is used.
    """
    first, second = rows.predictions, columns.predictions
    if first is second:
        places = others = np.arange(len(first))
    else:
        places, others = _match(first, second)
    if not len(places):
        raise UserError("The two runs have no image in common.", "Choose runs that were scored on the same images.")
    classes = tuple(dict.fromkeys([*rows.classes, *columns.classes]))
    code = {name: i for i, name in enumerate(classes)}
    # The second axis has its own class order.
    translate = np.array([code[name] for name in columns.classes])
    truths = first.true[places], translate[second.true[others]]
    return CrossConfusion(
        classes=classes,
        rows=rows.indices[places].astype(np.int64),
        columns=translate[columns.indices[others]],
        places=places,
        other_places=others,
        sizes=(len(first), len(second)),
        relabelled=int((truths[0] != truths[1]).sum()),
        only_rows=tuple(name for name in rows.classes if name not in set(columns.classes)),
        only_columns=tuple(name for name in columns.classes if name not in set(rows.classes)),
    )


def _match(first: Predictions, second: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers in both of the images that both have, in the order of the first."""
    unique = np.flatnonzero(~second.contents.duplicated())
    matches = pd.Index(second.contents.to_numpy()[unique]).get_indexer(pd.Index(first.contents))
    places = np.flatnonzero(matches >= 0)
    return places, unique[matches[places]]
