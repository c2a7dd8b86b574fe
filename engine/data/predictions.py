"""What a model predicts for images, and the prediction table: one Parquet file per run and split, from which every metric is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.data.class_names import index_by_normalized_name, normalize_name
from engine.data.columns import Columns, content_mark, find_unchanged

EPSILON = 1e-12


class ClassProbability(NamedTuple):
    """A class and how probable it is."""

    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class ImagePrediction:
    """What a model predicts for one image.

    `classes`: the model's; `probabilities`: (classes,) float32. `novelty`: the out-of-distribution score, NaN where there is none.
    `error`: why the image could not be read; then there are no probabilities.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    novelty: float = float("nan")
    error: str = ""

    def mean(self, *others: "ImagePrediction") -> "ImagePrediction":
        """The mean of several models' predictions, in the order of these classes. The models were trained on the same classes."""
        members = (self, *others)
        values = [reorder_classes(one.probabilities, one.classes, self.classes) for one in members]
        mean = np.stack(values).mean(axis=0, dtype=np.float64).astype(np.float32)
        return ImagePrediction(self.classes, mean, float(np.mean([one.novelty for one in members])))

    def top(self, k: int | None = None) -> tuple[ClassProbability, ...]:
        """The k most probable classes, best first; all of them by default."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return tuple(ClassProbability(self.classes[i], float(self.probabilities[i])) for i in order)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model predicts for n images: the rows of a prediction table, and the classes that their indices refer to.

    `source`: the id of the run. Shared by all sessions, so never changed.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    source: str = ""

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(n, classes) float32; rows sum to 1."""
        return stack_probabilities(self.table["probabilities"], len(self.classes))

    @property
    def ids(self) -> np.ndarray:
        """(n,) int64: the images' ids in the catalog."""
        return self.table["image_id"].to_numpy()

    @property
    def contents(self) -> pd.Series:
        """(n,) hashes of the files that were predicted."""
        return self.table["content"]

    @property
    def marks(self) -> np.ndarray:
        """(n,) uint64: the contents as `Columns.marks` has them."""
        return np.array([content_mark(content) for content in self.contents], np.uint64)

    @property
    def true(self) -> np.ndarray:
        """(n,) indices of the classes that the images were labelled as."""
        return self.table["true"].to_numpy()

    @property
    def predicted(self) -> np.ndarray:
        """(n,) indices of the most probable classes."""
        return self.table["predicted"].to_numpy()

    @property
    def confidence(self) -> np.ndarray:
        """(n,) probabilities of the predicted classes."""
        return self.table["confidence"].to_numpy()

    @property
    def margin(self) -> np.ndarray:
        """(n,) how much more probable the predicted class is than the second."""
        return self.table["margin"].to_numpy()

    @property
    def right(self) -> np.ndarray:
        """(n,) bool: which predictions are the true class."""
        return self.true == self.predicted

    def take(self, rows: np.ndarray) -> "Predictions":
        """The predictions at these row numbers, in their order."""
        return Predictions(self.table.take(rows), self.classes, self.source)

    def image(self, row: int) -> ImagePrediction:
        """The prediction at a row number."""
        return ImagePrediction(self.classes, self.table["probabilities"].iloc[row])

    def top(self, k: int | None = None) -> list[tuple[ClassProbability, ...]]:
        """Per image its k most probable classes, best first."""
        return [ImagePrediction(self.classes, row).top(k) for row in self.probabilities]

    def mean(self, *others: "Predictions", by: Literal["content", "image_id"] = "content") -> "Predictions":
        """The mean of several models' predictions, in the order of these classes, for the images that all of them have.

        Of copies of a file, the first counts. Raises UserError where the models were trained on different classes.
        """
        members = (self, *others)
        tables = [one.table.drop_duplicates(by).set_index(by) for one in members]
        shared = sorted(set.intersection(*(set(table.index) for table in tables)))
        summed = np.zeros((len(shared), len(self.classes)))
        for one, table in zip(members, tables, strict=True):
            if set(one.classes) != set(self.classes):
                raise UserError(
                    f"{one.source} and {self.source} were trained on different classes.", "Choose runs on the same classes."
                )
            values = stack_probabilities(table.loc[shared, "probabilities"], len(self.classes))
            summed += reorder_classes(values, one.classes, self.classes)
        mean = (summed / len(members)).astype(np.float32)
        table = tables[0].loc[shared].reset_index().assign(**_rank(mean))
        return Predictions(table, self.classes, " and ".join(one.source for one in members))

    def aligned(self, columns: Columns) -> "AlignedPredictions":
        """The predictions for images that the catalog still has as they were predicted: by id and content."""
        positions = find_unchanged(self.ids, self.marks, columns.ids, columns.marks)
        rows = np.flatnonzero(positions >= 0)
        return AlignedPredictions(self, columns, rows, positions[rows])

    def check(self, split: str, hint: str = "") -> "Predictions":
        """These predictions of a split, where every row fits the classes. Raises UserError with the hint."""
        name = f"The predictions of {self.source} on {split}"
        if not len(self):
            raise UserError(f"{name} hold no image.", hint)
        lengths, count = self.table["probabilities"].map(len), len(self.classes)
        if (lengths != count).any():
            raise UserError(f"{name} are cut short: a row has {lengths.min()} probabilities for {count} classes.", hint)
        indices = self.table[["true", "predicted"]].to_numpy()
        if (indices < 0).any() or (indices >= count).any() or not np.isfinite(self.probabilities).all():
            raise UserError(f"{name} do not fit the run's classes.", hint)
        return self


@dataclass(frozen=True, eq=False)
class AlignedPredictions:
    """Those predictions whose images a catalog still has unchanged: m `rows`, and their `positions` in the catalog's columns."""

    predictions: Predictions
    columns: Columns
    rows: np.ndarray
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> np.ndarray:
        """(m,) today's labels of the images, as codes of the catalog's classes; -1 where an image has none."""
        return self.columns.label[self.positions]

    @property
    def predicted(self) -> np.ndarray:
        """(m,) int32: the predicted classes as codes of the catalog's classes; -1 for a class that the catalog lacks."""
        code_by_name = index_by_normalized_name(self.columns.names)
        codes = [self.columns.codes.get(code_by_name.get(normalize_name(name), ""), -1) for name in self.predictions.classes]
        return np.array(codes, np.int32)[self.predictions.predicted[self.rows]]


def stack_probabilities(rows: pd.Series, classes: int) -> np.ndarray:
    """(n, classes) float32 of a column with an array per row."""
    return np.stack(rows.to_list()) if len(rows) else np.empty((0, classes), np.float32)


def reorder_classes(probabilities: np.ndarray, classes: Sequence[str], order: Sequence[str]) -> np.ndarray:
    """Probabilities (..., classes) of these classes in another order of the same."""
    return probabilities[..., [classes.index(name) for name in order]]


def _rank(probabilities: np.ndarray) -> dict[str, Any]:
    """The columns of a prediction table that follow from the probabilities alone."""
    top = np.sort(probabilities, axis=1)
    return {
        "predicted": probabilities.argmax(axis=1).astype(np.int32),
        "confidence": top[:, -1],
        "margin": top[:, -1] - top[:, -2],
        "probabilities": list(probabilities.astype(np.float32)),
    }


def outcomes(true: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """How good n predictions are: one row per image.

    `true`: (n,) class indices; `probabilities`: (n, classes), rows sum to 1. Columns: true, predicted, confidence (of the
    predicted class), margin (to the second), loss (cross-entropy in nats), probabilities (an array per row, float32).
    """
    loss = -np.log(np.maximum(probabilities[np.arange(len(true)), true], EPSILON))
    columns = {"true": true.astype(np.int32), **_rank(probabilities), "loss": loss}
    return pd.DataFrame(columns)[["true", "predicted", "confidence", "margin", "loss", "probabilities"]]


def prediction_table(images: pd.DataFrame, true: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """The prediction table: `outcomes` preceded by image_id, path and content (the hash, key of the embedding).

    `images`: rows of `Catalog.frame` (columns id, path, hash) in the order of the predictions.
    """
    names = {"id": "image_id", "path": "path", "hash": "content"}
    identity = images[list(names)].rename(columns=names).reset_index(drop=True)
    return pd.concat([identity, outcomes(true, probabilities)], axis=1)


def write_predictions(run_path: Path, split: str, predictions: pd.DataFrame, classes: Sequence[str]) -> None:
    """Save the table of one split durably, with the class names as metadata. Raises DiskError."""
    arrow = pa.Table.from_pandas(predictions, preserve_index=False)
    # No folder, and so no class, can have a NUL in its name.
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), b"classes": "\0".join(classes).encode()})
    with replace_file(_file(run_path, split), durable=True, make_folder=False) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read_predictions(run_path: Path, split: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The table of one split, or some of its columns. Raises UserError where it is missing or damaged."""
    file = _file(run_path, split)
    if not file.is_file():
        raise UserError(f"The run {run_path.name} has no predictions for {split}.", "They are written when a run finishes.")
    try:
        return pq.read_table(file, columns=columns).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{file.name} of run {run_path.name} is damaged.",
            f"Write it again: python -m engine evaluate {run_path.name} --split {split}",
        ) from error


def read_classes(run_path: Path, split: str) -> tuple[str, ...]:
    """The class names that `predicted` and `probabilities` of the split's table refer to, in their order.

    Raises OSError or pa.ArrowInvalid where the table is missing or damaged.
    """
    metadata = pq.read_schema(_file(run_path, split)).metadata or {}
    names = metadata.get(b"classes", b"").decode()
    return tuple(names.split("\0")) if names else ()


def _file(run_path: Path, split: str) -> Path:
    return run_path / f"predictions-{split}.parquet"
