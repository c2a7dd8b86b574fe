"""What a run answered about the images of a catalog, aligned with the catalog's columns."""

import threading
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine import runs
from engine.data.class_names import composed
from engine.data.columns import Columns
from engine.data.layouts import SPLITS
from engine.errors import UserError
from engine.predictions import read_predictions

_KEPT = 4


@dataclass(frozen=True, eq=False)
class Answers:
    """`predicted`: (n,) int32 into `Columns.names`; -1 where the run has no answer, or its class is unknown here."""

    predicted: np.ndarray


_held: dict[tuple, Answers] = {}
_lock = threading.Lock()


def answers(run_id: str, columns: Columns) -> Answers | None:
    """The run's answers of all splits; None where there is no such run, or none of its prediction tables can be read.

    An answer counts for the content that was scored: an image that was rewritten since has none.
    """
    try:
        run = runs.run(run_id)
    except UserError:
        return None
    files = [file for split in SPLITS if (file := run.path / f"predictions-{split}.parquet").is_file()]
    key = (columns, run_id, tuple((file.name, file.stat().st_mtime_ns) for file in files))
    if not files:
        return None
    with _lock:
        if key not in _held:
            while len(_held) >= _KEPT:
                _held.pop(next(iter(_held)))
            _held[key] = _aligned(run, columns)
        return _held[key]


def _aligned(run: runs.Run, columns: Columns) -> Answers:
    predicted = np.full(len(columns), -1, np.int32)
    known = {composed(name): code for name, code in columns.codes.items()}
    codes = np.array([known.get(composed(name), -1) for name in run.classes], np.int32)
    for split in filter(run.has_predictions, SPLITS):
        try:
            table = read_predictions(run.path, split, ["image_id", "content", "predicted"])
        except (UserError, pa.ArrowInvalid):
            continue
        ids = table["image_id"].to_numpy()
        positions = np.minimum(np.searchsorted(columns.ids, ids), max(len(columns) - 1, 0))
        marks = np.array([int(content[:16], 16) for content in table["content"]], np.uint64)
        same = (columns.ids[positions] == ids) & (columns.marks(positions) == marks)
        predicted[positions[same]] = codes[table["predicted"].to_numpy()[same]]
    return Answers(predicted)
