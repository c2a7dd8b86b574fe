"""What a run answered about the images of a catalog, aligned with the catalog's columns."""

import re
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.core.errors import UserError
from engine.core.paths import runs_dir
from engine.data.class_names import normalize_name
from engine.data.columns import Columns
from engine.data.layouts import SPLITS
from engine.data.predictions import read_classes, read_predictions

_KEPT = 4
_NAME_BYTES = 200


@dataclass(frozen=True, eq=False)
class AlignedPredictions:
    """`predicted`: (n,) int32 into `Columns.names`; -1 where the run has no answer, or its class is unknown here."""

    predicted: np.ndarray


_held: dict[tuple, AlignedPredictions] = {}
_lock = threading.Lock()


def align_predictions(run_id: str, columns: Columns) -> AlignedPredictions | None:
    """The run's answers of all splits; None where there is no such run, or none of its prediction tables can be read.

    An answer counts for the content that was scored: an image that was rewritten since has none.
    """
    # Other texts come from addresses: they may lead out of the folder of the runs, or be longer than a file system allows.
    if not re.fullmatch(r"[\w.-]+", run_id) or len(run_id.encode()) > _NAME_BYTES:
        return None
    folder = runs_dir() / run_id
    files = {split: file for split in SPLITS if (file := folder / f"predictions-{split}.parquet").is_file()}
    key = (columns, folder, tuple((split, file.stat().st_mtime_ns) for split, file in files.items()))
    if not files:
        return None
    with _lock:
        if key not in _held:
            while len(_held) >= _KEPT:
                _held.pop(next(iter(_held)))
            _held[key] = _aligned(folder, list(files), columns)
        return _held[key]


def _aligned(folder: Path, splits: list[str], columns: Columns) -> AlignedPredictions:
    predicted = np.full(len(columns), -1, np.int32)
    known = {normalize_name(name): code for name, code in columns.codes.items()}
    for split in splits:
        try:
            table = read_predictions(folder, split, ["image_id", "content", "predicted"])
            codes = np.array([known.get(normalize_name(name), -1) for name in read_classes(folder, split)], np.int32)
        except (UserError, OSError, pa.ArrowInvalid):
            continue
        ids = table["image_id"].to_numpy()
        positions = np.minimum(np.searchsorted(columns.ids, ids), max(len(columns) - 1, 0))
        marks = np.array([int(content[:16], 16) for content in table["content"]], np.uint64)
        same = (columns.ids[positions] == ids) & (columns.marks(positions) == marks)
        predicted[positions[same]] = codes[table["predicted"].to_numpy()[same]]
    return AlignedPredictions(predicted)
