"""Confusion matrices of any two axes, image by image: true against predicted classes, or the predictions of two runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.core.errors import UserError


@dataclass(frozen=True)
class Axis:
    """One axis: the predicted classes of a prediction table, or (with `truth`) its true classes."""

    table: pd.DataFrame
    classes: Sequence[str]
    truth: bool = False

    @property
    def indices(self) -> np.ndarray:
        """(n,) indices into `classes`."""
        return self.table["true" if self.truth else "predicted"].to_numpy()


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
    if rows.table is columns.table:
        places = others = np.arange(len(rows.table))
    else:
        places, others = _match(rows.table, columns.table)
    if not len(places):
        raise UserError("The two runs have no image in common.", "Choose runs that were scored on the same images.")
    classes = tuple(dict.fromkeys([*rows.classes, *columns.classes]))
    code = {name: i for i, name in enumerate(classes)}
    # The second axis has its own class order.
    translate = np.array([code[name] for name in columns.classes])
    truths = rows.table["true"].to_numpy()[places], translate[columns.table["true"].to_numpy()[others]]
    return CrossConfusion(
        classes=classes,
        rows=rows.indices[places].astype(np.int64),
        columns=translate[columns.indices[others]],
        places=places,
        other_places=others,
        sizes=(len(rows.table), len(columns.table)),
        relabelled=int((truths[0] != truths[1]).sum()),
        only_rows=tuple(name for name in rows.classes if name not in set(columns.classes)),
        only_columns=tuple(name for name in columns.classes if name not in set(rows.classes)),
    )


def _match(first: pd.DataFrame, second: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers in both tables of the images that both have, in the order of the first."""
    unique = np.flatnonzero(~second["content"].duplicated())
    matches = pd.Index(second["content"].to_numpy()[unique]).get_indexer(pd.Index(first["content"]))
    places = np.flatnonzero(matches >= 0)
    return places, unique[matches[places]]
