"""The predictions of a run for a batch, written in parts as they are made, so that none is computed twice.

`answers/<run>-<checkpoint>/<first image>-<count>.parquet`: columns number, error, probabilities (a list per row, float32), novelty.
"""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.core.file_stamp import file_stamp
from engine.core.files import create_folder, replace_file
from engine.data.loading import Source
from engine.data.predictions import ImagePrediction, Predictions
from engine.inference.batch.store import Batch, BatchImage
from engine.inference.verdict import Judge
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.inference.predict import Predictor
    from engine.models.model import Model

_PART = 64  # images whose predictions a kill may cost
_COLUMNS = {"number": "int32", "error": "str", "probabilities": "object", "novelty": "float32"}


@dataclass(frozen=True, eq=False)
class BatchPredictions:
    """What a run predicts for images of a batch. Shared by all sessions, so never changed.

    `table`: one row per image in their order, columns number, error, probabilities (None where there is an error), novelty (the
    out-of-distribution score; NaN where the run has no detector). `source`: the id of the run.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    source: str

    @classmethod
    def from_images(cls, images: Mapping[int, ImagePrediction], classes: tuple[str, ...], source: str = "") -> "BatchPredictions":
        """Of the images by their number."""
        numbers = sorted(images)
        columns = {
            "number": numbers,
            "error": [images[number].error for number in numbers],
            "probabilities": [None if images[number].error else images[number].probabilities for number in numbers],
            "novelty": [images[number].novelty for number in numbers],
        }
        return cls(pd.DataFrame(columns).astype(_COLUMNS), classes, source)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def numbers(self) -> frozenset[int]:
        return frozenset(self.table["number"].tolist())

    @cached_property
    def readable(self) -> Predictions:
        """The predictions for the images that could be read; their ids are their numbers."""
        rows = self.table[self.table["error"] == ""].rename(columns={"number": "image_id"})
        return Predictions(rows, self.classes, self.source)

    @cached_property
    def _row_by_number(self) -> dict[int, int]:
        return {number: row for row, number in enumerate(self.table["number"].tolist())}

    def image(self, number: int) -> ImagePrediction:
        """The prediction for an image. Raises KeyError where there is none yet."""
        row = self.table.iloc[self._row_by_number[number]]
        probabilities = np.empty(0, np.float32) if row["error"] else row["probabilities"]
        return ImagePrediction(self.classes, probabilities, float(row["novelty"]), row["error"])

    def mean(self, *others: "BatchPredictions") -> "BatchPredictions":
        """The mean of several runs' predictions for the images that all have predicted. Raises UserError where their classes differ."""
        if not others:
            return self
        members = (self, *others)
        shared = sorted(frozenset.intersection(*(one.numbers for one in members)))
        tables = [one.table.set_index("number").loc[shared] for one in members]
        error = tables[0]["error"]
        for table in tables[1:]:
            error = error.where(error != "", table["error"])
        mean = self.readable.mean(*(one.readable for one in others), by="image_id")
        probabilities = dict(zip(mean.ids.tolist(), mean.probabilities, strict=True))
        # An image that is unlike the training images of one run and like those of another gets a score in between.
        novelty = np.mean([table["novelty"] for table in tables], axis=0)
        columns = {
            "number": shared,
            "error": error.to_numpy(),
            "probabilities": [probabilities.get(n) for n in shared],
            "novelty": novelty,
        }
        return BatchPredictions(pd.DataFrame(columns).astype(_COLUMNS), self.classes, mean.source)


def load_predictions(batch: Batch, run: Run) -> BatchPredictions:
    """The predictions so far."""
    parts = [part for file in sorted(_folder(batch, run).glob("*.parquet")) if (part := _part(file)) is not None]
    if not parts:
        return BatchPredictions.from_images({}, run.classes, run.id)
    rows = pd.concat(parts, ignore_index=True).drop_duplicates("number").sort_values("number", ignore_index=True)
    return BatchPredictions(rows, run.classes, run.id)


def stamp(batch: Batch, run: Run) -> tuple[Hashable, ...]:
    """A key for caches that changes whenever `load_predictions` does."""
    folder = _folder(batch, run)
    return (folder.name, *((file.name, file_stamp(file)) for file in sorted(folder.glob("*.parquet"))))


def missing_predictions(batch: Batch, run: Run) -> list[int]:
    """The numbers of the images for which the run has no prediction yet."""
    return sorted({image.number for image in batch.images} - load_predictions(batch, run).numbers)


def predict_images(
    model: "Predictor",
    judge: Judge,
    images: Iterable[BatchImage],
    batch_size: int = 32,
    source: Callable[[BatchImage], Source] = attrgetter("file"),
) -> Iterator[dict[int, ImagePrediction]]:
    """The predictions by the images' numbers, as they are made: first those that were not accepted, then `batch_size` at a time."""
    from engine.inference.predict import predict_in_batches, unreadable

    images = list(images)
    classes, accepted = judge.classes, [image for image in images if not image.reason]
    if len(accepted) < len(images):
        yield {image.number: unreadable(classes, image.reason) for image in images if image.reason}
    if accepted:  # without any, no threads are started
        for predictions in predict_in_batches(model, list(map(source, accepted)), batch_size):
            numbers = [accepted[prediction.source].number for prediction in predictions]
            yield dict(zip(numbers, judge.add_novelty(predictions), strict=True))


def predict_batch(
    batch: Batch,
    run: Run,
    model: "Model",
    judge: Judge,
    batch_size: int = 32,
    keep: bool = True,
    source: Callable[[BatchImage], Source] = attrgetter("file"),
) -> Generator[dict[int, ImagePrediction]]:
    """Predict what is missing, `batch_size` images at a time: yields `predict_images`, and writes them where `keep` is set.

    Closing the iterator stops the work.
    """
    unwritten: dict[int, ImagePrediction] = {}
    missing = [batch.images[number] for number in missing_predictions(batch, run)]
    try:
        for part in predict_images(model, judge, missing, batch_size, source):
            unwritten |= part
            yield part
            if keep and len(unwritten) >= _PART:
                _write(batch, run, unwritten)
                unwritten = {}
    finally:
        # Also where the iterator is closed or an error ends the work: what was predicted is not computed again.
        if keep and unwritten:
            _write(batch, run, unwritten)


def _write(batch: Batch, run: Run, images: Mapping[int, ImagePrediction]) -> None:
    # Parents are not created: a batch that was deleted in the meantime stays deleted.
    folder = _folder(batch, run)
    create_folder(folder.parent, parents=False)
    create_folder(folder, parents=False)
    rows = BatchPredictions.from_images(images, run.classes).table
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with replace_file(folder / f"{rows['number'].iloc[0]:06d}-{len(rows)}.parquet", make_folder=False) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _part(file: Path) -> pd.DataFrame | None:
    """The rows of a part; None where a power cut damaged the file: its images are predicted again."""
    try:
        return pq.read_table(file).to_pandas()
    except (pa.ArrowInvalid, OSError):
        return None


def _folder(batch: Batch, run: Run) -> Path:
    """The folder of a run and its checkpoint, so that predictions of an earlier model are never taken for those of a later one."""
    return batch.path / "answers" / f"{run.id}-{run.checkpoint}"
