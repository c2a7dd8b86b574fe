"""A run's predictions for the images of a catalog, one entry per image of the catalog."""

import re
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from cachetools import LRUCache

from engine.core.errors import UserError
from engine.core.file_stamp import FileStamp, file_stamp, is_settled
from engine.core.paths import runs_dir
from engine.data.columns import Columns
from engine.data.layouts import SPLITS
from engine.data.predictions import Predictions, read_classes, read_predictions

_MAX_CACHED = 4
_NAME_BYTES = 200


@dataclass(frozen=True, eq=False)
class CatalogPredictions:
    """`predicted`: (n,) int32 into `Columns.names`; -1 where the run has no prediction, or one of a class that the dataset lacks."""

    predicted: np.ndarray


_cached: LRUCache[tuple, CatalogPredictions] = LRUCache(_MAX_CACHED)
_lock = threading.Lock()


def load_catalog_predictions(run_id: str, columns: Columns) -> CatalogPredictions | None:
    """The run's predictions for all splits; None where the run is missing or none of its prediction tables can be read.

    A prediction holds for the content that was scored: an image that was rewritten since has none.
    """
    stamps = prediction_stamps(run_id)
    if not stamps:
        return None
    folder = runs_dir() / run_id
    key = (columns, folder, stamps)
    with _lock:
        result = _cached.get(key)
        if result is None:
            result = _load(folder, [split for split, _ in stamps], columns)
            if is_settled(stamps):
                _cached[key] = result
        return result


def prediction_stamps(run_id: str) -> tuple[tuple[str, FileStamp], ...]:
    """The splits of which a run has a prediction table, with the tables' stamps."""
    # The id may come from an address: it could lead out of the runs' folder, or be longer than a file system allows.
    if not re.fullmatch(r"[\w.-]+", run_id) or len(run_id.encode()) > _NAME_BYTES:
        return ()
    stamps = ((split, file_stamp(runs_dir() / run_id / f"predictions-{split}.parquet")) for split in SPLITS)
    return tuple((split, stamp) for split, stamp in stamps if stamp is not None)


def _load(folder: Path, splits: list[str], columns: Columns) -> CatalogPredictions:
    predicted = np.full(len(columns), -1, np.int32)
    for split in splits:
        try:
            # Without the probabilities: of a million images, they would take seconds to read.
            table = read_predictions(folder, split, ["image_id", "content", "predicted"])
            aligned = Predictions(table, read_classes(folder, split)).aligned(columns)
        except (UserError, OSError, pa.ArrowInvalid):
            continue
        predicted[aligned.positions] = aligned.predicted
    return CatalogPredictions(predicted)
