"""One side's classes against another's, image by image: the truth against a run's answers, or two runs against each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.core.errors import UserError


@dataclass(frozen=True)
class Axis:
    """One axis: the answers of a prediction table, or (with `truth`) the true classes in it."""

    table: pd.DataFrame
    classes: Sequence[str]
    truth: bool = False

    @property
    def indices(self) -> np.ndarray:
        return self.table["true" if self.truth else "predicted"].to_numpy()


@dataclass(frozen=True)
class CrossConfusion:
    """Two sides on the images that both have.

    `classes`: those of the rows' side, then what only the columns' side knows. `rows`, `columns`: (n,) indices into `classes`.
    `places`, `other_places`: (n,) the images' positions in the first and in the second table. `sizes`: how many images each
    table has. `relabelled`: images whose true class is another in the second table.
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
    """The two sides, matched by the images' content. Raises UserError where they have no image in common.

    An image counts once for each time that the first table has it; of copies in the second table, the first one answers.
    """
    same = rows.table is columns.table
    places, others = (np.arange(len(rows.table)),) * 2 if same else _matched(rows.table, columns.table)
    if not len(places):
        raise UserError("The two runs have no image in common.", "Choose runs that were scored on the same images.")
    classes = tuple(dict.fromkeys([*rows.classes, *columns.classes]))
    code = {name: i for i, name in enumerate(classes)}
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


def _matched(first: pd.DataFrame, second: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Positions in both tables of the images that both have, in the order of the first."""
    once = np.flatnonzero(~second["content"].duplicated())
    result = pd.Index(second["content"].to_numpy()[once]).get_indexer(first["content"])
    places = np.flatnonzero(result >= 0)
    return places, once[result[places]]
