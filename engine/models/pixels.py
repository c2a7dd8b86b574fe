"""Decoded images on the disk: each image is decoded once, and training reads squares from a memory map."""

import contextlib
import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import DiskError
from engine.core.files import replace_file, reserve, trim_folder
from engine.core.paths import cache_dir
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.loading import decode_batches

_CACHE_BYTES = 12 * 2**30
_MEMORY_BYTES = 2**30  # on a full disk, images are kept in memory up to this size


@dataclass(frozen=True)
class Pixels:
    """`images`: (n, size, size, 3) uint8, one row per input; rows of unreadable images (`failures`: index -> reason) are black."""

    images: np.ndarray
    failures: dict[int, str]


def is_decoded(contents: Sequence[str], size: int) -> bool:
    """Whether exactly these images are cached at this size."""
    return _file(contents, size).is_file()


def load_pixels(files: Sequence[Path], contents: Sequence[str], size: int, report: ReportProgress = ignore_progress) -> Pixels:
    """The images at `size`, from the cache where exactly these were decoded before. Raises what `report` raises."""
    file = _file(contents, size)
    if file.is_file():
        with contextlib.suppress(OSError):  # a read-only disk
            os.utime(file)
        return Pixels(np.load(file, mmap_mode="r"), {})
    trim_folder(file.parent, _CACHE_BYTES)
    shape = (len(files), size, size, 3)
    try:
        with replace_file(file, needed=math.prod(shape)) as temporary:
            images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            reserve(temporary, temporary.stat().st_size)
            failures = _decode(images, files, size, contents, report)
            images.flush()
            if failures:
                # Not cached: a file may be fixed later without a change of this key, and its failure must be reported to the next run.
                return Pixels(np.array(images), failures)
    except DiskError:
        if math.prod(shape) > _MEMORY_BYTES:
            raise
        images = np.zeros(shape, np.uint8)
        failures = _decode(images, files, size, contents, report)
        return Pixels(images, failures)
    return Pixels(np.load(file, mmap_mode="r"), failures)


def _decode(
    images: np.ndarray, files: Sequence[Path], size: int, contents: Sequence[str], report: ReportProgress
) -> dict[int, str]:
    """Fill `images`; returns the failures."""
    failures: dict[int, str] = {}
    done = 0
    for batch in decode_batches(files, size, contents=contents):
        images[batch.indices] = batch.images
        failures.update(batch.failures)
        done += len(batch.indices) + len(batch.failures)
        report(Progress("decoding images", done, len(files)))
    return failures


def _file(contents: Sequence[str], size: int) -> Path:
    key = hashlib.blake2b("\n".join([str(size), *contents]).encode(), digest_size=12).hexdigest()
    return cache_dir("pixels") / f"{key}.npy"
