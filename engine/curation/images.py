"""The images that an audit looks at, as one table."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.datasets import Dataset
from engine.data.properties import MEASURED

_COLUMNS = ("id", "path", "raw", "class", "split", "hash", "width", "height", "bytes", *MEASURED)
_QUERY = f"SELECT {', '.join(_COLUMNS)} FROM images WHERE state = 'ok' ORDER BY id"


def load_image_table(data: Dataset) -> pd.DataFrame:
    """One row per readable image, by id: columns id, path, raw, class, split, hash, width, height, bytes and the measured
    properties (`engine.data.properties`), NaN where they were not measured."""
    with data.catalog.reading() as connection:
        table = pd.DataFrame(connection.execute(_QUERY).fetchall(), columns=list(_COLUMNS))
    return table.astype(dict.fromkeys(MEASURED, float))


def image_file(root: Path, raw: bytes | None, path: str) -> Path:
    """The file of an image in the table. `raw`: the bytes of a name that is not valid UTF-8."""
    return root / (os.fsdecode(raw) if isinstance(raw, bytes) else path)


def has_label(table: pd.DataFrame) -> np.ndarray:
    """Which images have a class: (n,) bool."""
    return table["class"].notna().to_numpy()
