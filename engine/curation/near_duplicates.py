"""Near-duplicates: pairs of images that show the same, although one was recompressed, resized or slightly cropped.

Neither sign is enough alone. Embeddings of an image and of its recompressed copy can be as far apart as those of two forests, and
hashes of the low frequencies do not survive a crop. So both only propose candidates, generously, and aligning the images themselves
decides (`engine.curation.alignment`).
"""

import contextlib
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from scipy.fft import dctn

from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.curation.alignment import similarity
from engine.embeddings.neighbours import normalise

MIN_SIMILARITY = 0.75  # copies and images of one burst are above it; different scenes stayed below 0.7
_FREQUENCIES = 6  # per axis
_MAX_DISTANCE = 0.65  # cosine distance of embeddings
_MIN_SHAPE, _SLOPE = 0.35, 0.9  # correlation of low frequencies that a candidate needs, and how it rises with that distance
_MAX_TONE, _MAX_SPREAD = 15.0, 0.2  # differences of the mean grey level, and of the logarithm of the standard deviation
_CELLS = 8_000_000  # pairs whose distances are in memory at once
_BLOCK = 1024  # images whose frequencies are computed at once
_CHUNK = 256  # pairs between two reports


def find_pairs(small: np.ndarray, vectors: np.ndarray, report: ReportProgress = ignore_progress) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows (m, 2) int, the lower row first, and their similarity (m,), which is at least MIN_SIMILARITY.

    `small`: (n, side, side) uint8 grey, `vectors`: (n, features) float32 of unit length, NaN where there is no embedding.
    """
    candidates = np.concatenate([np.empty((0, 2), int), *_candidate_pairs(small, vectors)])
    report(Progress("comparing images", 0, len(candidates)))
    similarities = np.zeros(len(candidates))
    with _single_threaded_opencv(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(candidates), _CHUNK):
            chunk = candidates[start : start + _CHUNK]
            similarities[start : start + len(chunk)] = list(
                pool.map(lambda pair: similarity(small[pair[0]], small[pair[1]]), chunk)
            )
            report(Progress("comparing images", start + len(chunk), len(candidates)))
    is_copy = similarities >= MIN_SIMILARITY
    return candidates[is_copy], similarities[is_copy]


@contextlib.contextmanager
def _single_threaded_opencv() -> Generator[None]:
    """Within it, OpenCV starts no threads of its own: on images as small as these, they would only wait for each other."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _candidate_pairs(small: np.ndarray, vectors: np.ndarray) -> Iterator[np.ndarray]:
    """The pairs of rows (m, 2) that are worth aligning, in blocks of rows."""
    if not len(small):
        return
    shapes = _shapes(small)
    levels = small.reshape(len(small), -1)
    tone, spread = levels.mean(axis=1), np.log(levels.std(axis=1) + 1)
    block = max(1, _CELLS // len(small))
    for start in range(0, len(small), block):
        rows = slice(start, start + block)
        distances = 1 - vectors[rows] @ vectors.T  # NaN without an embedding, and then no comparison below is true
        similar = shapes[rows] @ shapes.T >= _MIN_SHAPE + _SLOPE * distances
        similar &= np.abs(tone[rows, None] - tone) <= _MAX_TONE
        similar &= np.abs(spread[rows, None] - spread) <= _MAX_SPREAD
        first, second = np.nonzero(similar & (distances <= _MAX_DISTANCE))
        yield np.stack([first + start, second], axis=1)[first + start < second]  # each pair once, and no image with itself


def _shapes(small: np.ndarray) -> np.ndarray:
    """The low frequencies of each image, the higher ones with more weight because they are weaker: (n, features) of length 1."""
    k = _FREQUENCIES
    parts = [dctn(part.astype(np.float32), axes=(1, 2), norm="ortho")[:, :k, :k] for part in _in_blocks(small)]
    weight = np.add.outer(np.arange(k), np.arange(k))
    return normalise((np.concatenate(parts) * weight).reshape(len(small), -1))


def _in_blocks(small: np.ndarray) -> Iterator[np.ndarray]:
    return (small[start : start + _BLOCK] for start in range(0, len(small), _BLOCK))
