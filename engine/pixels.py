"""Decoded images on disk: each picture is decoded once, and training reads squares from a memory map."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.loading import decoded_batches
from engine.files import replacing, trim_folder
from engine.home import cache_dir
from engine.training.facts import Progress

_CACHE_BYTES = 12 * 2**30


@dataclass(frozen=True)
class Pixels:
    """`images`: (n, size, size, 3) uint8, a row an input; rows of the unreadable (index -> reason) are black."""

    images: np.ndarray
    failures: dict[int, str]


def is_decoded(contents: Sequence[str], size: int) -> bool:
    """Whether just these images are there at `size`."""
    return _file(contents, size).is_file()


def decoded(
    files: Sequence[Path], contents: Sequence[str], size: int, report: Callable[[Progress], bool] = lambda progress: True
) -> Pixels | None:
    """The images at `size`, from the cache where just these were decoded before; None where `report` says not to go on."""
    file = _file(contents, size)
    if file.is_file():
        os.utime(file)
        return Pixels(np.load(file, mmap_mode="r"), {})
    trim_folder(file.parent, _CACHE_BYTES)
    failures: dict[int, str] = {}
    with replacing(file) as temporary:
        shape = (len(files), size, size, 3)
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        _reserve(temporary)
        done = 0
        for batch in decoded_batches(files, size, contents=contents):
            images[batch.indices] = batch.images
            failures.update(batch.failures)
            done += len(batch.indices) + len(batch.failures)
            if not report(Progress("decoding images", done, len(files))):
                return None
        images.flush()
        if failures:
            # Not kept under this key: the file may be mended, and the next run would not hear of it.
            return Pixels(np.array(images), failures)
    return Pixels(np.load(file, mmap_mode="r"), failures)


def _file(contents: Sequence[str], size: int) -> Path:
    key = hashlib.blake2b("\n".join([str(size), *contents]).encode(), digest_size=12).hexdigest()
    return cache_dir("pixels") / f"{key}.npy"


def _reserve(file: Path) -> None:
    """Take the room of the whole file at once: on a full disk, a write into a map without blocks kills the process (SIGBUS)."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with open(file, "r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
