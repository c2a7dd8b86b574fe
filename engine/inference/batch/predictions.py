"""The predictions of a run for a batch, written in parts as they are made, so that none is computed twice.

`answers/<run>-<checkpoint>/<first image>-<count>.parquet`: columns number, error, probabilities (a list per row, float32), novelty.
"""

from collections.abc import Generator, Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.core.file_stamp import file_stamp
from engine.core.files import create_folder, replace_file
from engine.inference.batch.store import Batch
from engine.inference.verdict import Judge
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.inference.predict import Prediction
    from engine.models.model import Model

_PART = 64  # images whose predictions a kill may cost
_COLUMNS = {"number": "int32", "error": "str", "probabilities": "object", "novelty": "float32"}


def load_predictions(batch: Batch, run: Run) -> pd.DataFrame:
    """The predictions so far, in the order of the images: columns number, error, probabilities, novelty.

    `probabilities`: None where there is an error. `novelty`: the out-of-distribution score; NaN where the run has no detector.
    """
    parts = [part for file in sorted(_folder(batch, run).glob("*.parquet")) if (part := _part(file)) is not None]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})
    return pd.concat(parts, ignore_index=True).drop_duplicates("number").sort_values("number", ignore_index=True)


def stamp(batch: Batch, run: Run) -> tuple[Hashable, ...]:
    """A key for caches that changes whenever `load_predictions` does."""
    folder = _folder(batch, run)
    return (folder.name, *((file.name, file_stamp(file)) for file in sorted(folder.glob("*.parquet"))))


def missing_predictions(batch: Batch, run: Run) -> list[int]:
    """The numbers of the images for which the run has no prediction yet."""
    return sorted({image.number for image in batch.images} - set(load_predictions(batch, run)["number"].tolist()))


def predict_batch(
    batch: Batch,
    run: Run,
    model: "Model",
    judge: Judge,
    batch_size: int = 32,
    keep: bool = True,
) -> Generator[pd.DataFrame]:
    """Predict what is missing, `batch_size` images at a time: yields rows of `load_predictions`, and writes them where `keep` is set.

    Closing the iterator stops the work.
    """
    from engine.inference.predict import Prediction, predict_in_batches

    images = [batch.images[number] for number in missing_predictions(batch, run)]
    skipped = [image for image in images if image.reason]
    images = [image for image in images if not image.reason]
    unwritten = [
        prediction_rows([image.number for image in skipped], [Prediction(0, error=image.reason) for image in skipped], judge)
    ]
    try:
        if skipped:
            yield unwritten[0]
        for predictions in predict_in_batches(model, [image.file for image in images], batch_size=batch_size) if images else ():
            unwritten.append(
                prediction_rows([images[prediction.source].number for prediction in predictions], predictions, judge)
            )
            yield unwritten[-1]
            if keep and sum(map(len, unwritten)) >= _PART:
                _write(batch, run, pd.concat(unwritten))
                unwritten = []
    finally:
        # Also where the iterator is closed or an error ends the work: what was predicted is not computed again.
        if keep and sum(map(len, unwritten)):
            _write(batch, run, pd.concat(unwritten))


def prediction_rows(numbers: list[int], predictions: list["Prediction"], judge: Judge) -> pd.DataFrame:
    """Predictions for the images of these numbers as rows of `load_predictions`."""
    features = [prediction.features for prediction in predictions if prediction.features is not None]
    novelty = np.full(len(predictions), np.nan)
    if features:
        has_features = [prediction.features is not None for prediction in predictions]
        energies = np.array([prediction.energy for prediction in predictions])
        novelty[has_features] = judge.ood_scores(np.stack(features), energies[has_features])
    columns = {
        "error": [prediction.error for prediction in predictions],
        "probabilities": [prediction.probabilities for prediction in predictions],
        "novelty": novelty,
    }
    return pd.DataFrame({"number": numbers, **columns}).astype(_COLUMNS)


def _write(batch: Batch, run: Run, rows: pd.DataFrame) -> None:
    # Parents are not created: a batch that was deleted in the meantime stays deleted.
    folder = _folder(batch, run)
    create_folder(folder.parent, parents=False)
    create_folder(folder, parents=False)
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
