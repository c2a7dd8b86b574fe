"""Decoded images, shared by all sessions: each is decoded once for all that is drawn and computed from it."""

from pathlib import Path

import numpy as np

from dashboard.cache.cached import cached
from engine.core.file_stamp import FileStamp, file_stamp
from engine.data.decoding import Squares, load_square, load_squares
from engine.inference.batch.store import BatchImage

SIDE = 480  # pixels of the square of an upload that a person sees


@cached()
def square(file: str, content: str, size: int) -> np.ndarray:
    """An image as a network of this input size sees it: (size, size, 3) uint8. `content` is the file's hash. Raises ImageError."""
    return load_square(Path(file), size)


def _stamp(file: Path, content: str) -> FileStamp | None:
    return None if content else file_stamp(file)


# The stamp of an upload is its content: that of a file that was written a moment ago would keep it out of the cache.
@cached(stamp=_stamp, shared=True)
def _squares(file: Path, content: str, size: int) -> Squares:
    return load_squares(file, size, SIDE)


def upload_squares(image: BatchImage, size: int) -> Squares:
    """An uploaded image as a network of this input size sees it, and as a person does. Raises ImageError."""
    return _squares(image.file, image.content, size)
