"""The answers of a run to a batch, in parts that are written as they are made: what is there is not made again.

`answers/<run>-<checkpoint>/<first picture>.parquet`: columns number, error, probabilities (a list a row, float32), novelty.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.core.files import create_folder, replace_file
from engine.inference.batch.store import Batch
from engine.inference.verdict import Judge
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.inference.predict import Prediction
    from engine.models.model import Model

_PART = 64  # pictures that a kill may cost
_COLUMNS = {"number": "int32", "error": "str", "probabilities": "object", "novelty": "float32"}


def load_predictions(batch: Batch, run: Run) -> pd.DataFrame:
    """What has been answered so far, in the order of the pictures: columns number, error, probabilities, novelty.

    `probabilities`: None where there is an error. `novelty`: NaN where the run has no measure of it.
    """
    parts = [part for file in sorted(_folder(batch, run).glob("*.parquet")) if (part := _part(file)) is not None]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})
    return pd.concat(parts, ignore_index=True).drop_duplicates("number").sort_values("number", ignore_index=True)


def stamp(batch: Batch, run: Run) -> tuple[str, ...]:
    """What changes whenever `made` does."""
    folder = _folder(batch, run)
    return (folder.name, *sorted(f"{file.name}{file.stat().st_mtime_ns}" for file in folder.glob("*.parquet")))


def missing_predictions(batch: Batch, run: Run) -> list[int]:
    """The numbers of the pictures that the run has not answered yet."""
    return sorted({picture.number for picture in batch.pictures} - set(load_predictions(batch, run)["number"].tolist()))


def predict_batch(
    batch: Batch,
    run: Run,
    model: "Model",
    judge: Judge,
    at_once: int = 32,
    keep: bool = True,
) -> Generator[pd.DataFrame]:
    """Answer what is missing, `at_once` pictures at a time: the rows of `made` as they are made, kept where `keep`.

    Closing the iterator stops the work.
    """
    from engine.inference.predict import Prediction, predict_in_batches

    wanted = [batch.pictures[number] for number in missing_predictions(batch, run)]
    left_out = [picture for picture in wanted if picture.reason]
    wanted = [picture for picture in wanted if not picture.reason]
    waiting = [
        prediction_rows(
            [picture.number for picture in left_out], [Prediction(0, error=picture.reason) for picture in left_out], judge
        )
    ]
    try:
        if left_out:
            yield waiting[0]
        for some in predict_in_batches(model, [picture.file for picture in wanted], batch_size=at_once) if wanted else ():
            waiting.append(prediction_rows([wanted[one.source].number for one in some], some, judge))
            yield waiting[-1]
            if keep and sum(map(len, waiting)) >= _PART:
                _write(batch, run, pd.concat(waiting))
                waiting = []
    finally:
        if keep and sum(map(len, waiting)):
            _write(batch, run, pd.concat(waiting))


def prediction_rows(numbers: list[int], predictions: list["Prediction"], judge: Judge) -> pd.DataFrame:
    """Predictions for the images of these numbers as rows of `load_predictions`."""
    features = [prediction.features for prediction in predictions if prediction.features is not None]
    novelty = np.full(len(predictions), np.nan)
    if features:
        has_features = [prediction.features is not None for prediction in predictions]
        energies = np.array([prediction.energy for prediction in predictions])
        novelty[has_features] = judge.novelty(np.stack(features), energies[has_features])
    columns = {
        "error": [prediction.error for prediction in predictions],
        "probabilities": [prediction.probabilities for prediction in predictions],
        "novelty": novelty,
    }
    return pd.DataFrame({"number": numbers, **columns}).astype(_COLUMNS)


def _write(batch: Batch, run: Run, rows: pd.DataFrame) -> None:
    # A batch that was deleted meanwhile stays deleted.
    folder = _folder(batch, run)
    create_folder(folder.parent, parents=False)
    create_folder(folder, parents=False)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with replace_file(folder / f"{rows['number'].iloc[0]:06d}-{len(rows)}.parquet", make_folder=False) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _part(file: Path) -> pd.DataFrame | None:
    """None for a part that a killed machine left damaged: its pictures are answered again."""
    try:
        return pq.read_table(file).to_pandas()
    except (pa.ArrowInvalid, OSError):
        return None


def _folder(batch: Batch, run: Run) -> Path:
    """By the run and its checkpoint: another model's answers are not taken for its own."""
    return batch.path / "answers" / f"{run.id}-{run.checkpoint}"
