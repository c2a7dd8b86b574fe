"""Pairs of images that show the same picture: compressed anew, resized or slightly cropped.

Neither sign is enough alone. Embeddings of a picture and of its recompressed copy can be as far apart as those of two forests;
hashes of the low frequencies do not outlive a crop. So both only propose, generously, and the pictures themselves decide
(`engine.curation.alignment`).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from scipy.fft import dctn

from engine.curation.alignment import similarity
from engine.embeddings.neighbours import unit

MIN_SIMILARITY = 0.75  # above it are copies and pictures of one burst; two different scenes stayed below 0.7
_FREQUENCIES = 6
_FARTHEST = 0.65  # cosine distance of embeddings
_LEAST, _SLOPE = 0.35, 0.9  # the likeness of low frequencies that is asked for, and how it rises with that distance
_TONE, _RANGE = 15.0, 0.2  # grey levels of the mean, and of the logarithm of the standard deviation
_CELLS = 8_000_000  # pairs that are in memory at once
_BLOCK = 1024
_AT_ONCE = 256  # pairs between two reports


def find_pairs(
    small: np.ndarray, vectors: np.ndarray, report: Callable[[int, int], None] = lambda done, total: None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows (m, 2) int, the lower first, and their likeness (m,), those at least ALIKE.

    `small`: (n, side, side) uint8 grey, `vectors`: (n, features) float32 of unit length, NaN where there is no embedding.
    """
    proposed = np.concatenate([np.empty((0, 2), int), *_proposed(small, vectors)])
    report(0, len(proposed))
    alike = np.zeros(len(proposed))
    with _one_thread_each(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(proposed), _AT_ONCE):
            of = proposed[start : start + _AT_ONCE]
            alike[start : start + len(of)] = list(pool.map(lambda pair: similarity(small[pair[0]], small[pair[1]]), of))
            report(start + len(of), len(proposed))
    kept = alike >= MIN_SIMILARITY
    return proposed[kept], alike[kept]


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """OpenCV's own threads would wait for each other over pictures as small as these."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _proposed(small: np.ndarray, vectors: np.ndarray) -> Iterator[np.ndarray]:
    """The pairs that are worth a closer look."""
    if not len(small):
        return
    shapes = _shapes(small)
    levels = small.reshape(len(small), -1)
    tone, spread = levels.mean(axis=1), np.log(levels.std(axis=1) + 1)
    block = max(1, _CELLS // len(small))
    for start in range(0, len(small), block):
        rows = slice(start, start + block)
        apart = 1 - vectors[rows] @ vectors.T
        like = shapes[rows] @ shapes.T >= _LEAST + _SLOPE * apart
        like &= np.abs(tone[rows, None] - tone) <= _TONE
        like &= np.abs(spread[rows, None] - spread) <= _RANGE
        first, second = np.nonzero(like & (apart <= _FARTHEST))
        yield np.stack([first + start, second], axis=1)[first + start < second]


def _shapes(small: np.ndarray) -> np.ndarray:
    """The low frequencies of each picture, the higher ones weighing more, as they are weaker: (n, features) of length 1."""
    k = _FREQUENCIES
    parts = [dctn(part.astype(np.float32), axes=(1, 2), norm="ortho")[:, :k, :k] for part in _in_blocks(small)]
    weight = np.add.outer(np.arange(k), np.arange(k))
    return unit((np.concatenate(parts) * weight).reshape(len(small), -1))


def _in_blocks(small: np.ndarray) -> Iterator[np.ndarray]:
    return (small[start : start + _BLOCK] for start in range(0, len(small), _BLOCK))
