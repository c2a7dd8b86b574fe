"""The prediction table: one Parquet file per run and split, from which every metric and gallery is computed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.core.errors import UserError
from engine.core.files import replace_file

EPSILON = 1e-12


def outcomes(true: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """How good n predictions are: one row per image.

    `true`: (n,) class indices; `probabilities`: (n, classes), rows sum to 1. Columns: true, predicted, confidence (of the
    predicted class), margin (to the second), loss (cross-entropy in nats), probabilities (an array per row, float32).
    """
    top = np.sort(probabilities, axis=1)
    return pd.DataFrame(
        {
            "true": true.astype(np.int32),
            "predicted": probabilities.argmax(axis=1).astype(np.int32),
            "confidence": top[:, -1],
            "margin": top[:, -1] - top[:, -2],
            "loss": -np.log(np.maximum(probabilities[np.arange(len(true)), true], EPSILON)),
            "probabilities": list(probabilities.astype(np.float32)),
        }
    )


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
