"""Rows of frames for charts."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

Values = Sequence[float] | np.ndarray | pd.Series | pd.Index


def named_rows(frame: pd.DataFrame) -> Iterable[Any]:
    """The rows as named tuples. Any, since a type checker cannot know the columns, and pandas has no public type for such a row."""
    return frame.itertuples()
