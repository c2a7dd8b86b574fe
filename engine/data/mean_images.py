"""The mean image of each class, pixel by pixel: what its images have in common."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import DiskError
from engine.core.files import replace_file
from engine.core.paths import cache_dir
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.loading import decode_batches

SIZE = 96  # pixels
SAMPLE = 500  # images per class: the mean of more looks the same
_SEED = 0
_PREPARED = 30  # classes whose mean images are computed in advance


@dataclass(frozen=True)
class MeanImage:
    """`image`: (SIZE, SIZE, 3) uint8, the mean over the central squares of `n` of the class's `total` images."""

    image: np.ndarray
    n: int
    total: int


def compute_mean_image(data: Dataset, class_name: str, splits: tuple[str, ...] = ("train",)) -> MeanImage | None:
    """The mean image of a class, from the cache or from up to SAMPLE images drawn by seed; None where none can be read."""
    rows, total = _sample(data, class_name, splits)
    mean = _load_or_compute(_file(rows), [row.file(data.root) for row in rows])
    return MeanImage(*mean, total) if mean else None


def is_cached(data: Dataset, class_name: str, splits: tuple[str, ...] = ("train",)) -> bool:
    """Whether `compute_mean_image` would return at once."""
    return _file(_sample(data, class_name, splits)[0]).is_file()


def _sample(data: Dataset, class_name: str, splits: tuple[str, ...]) -> tuple[list[Row], int]:
    """The images to average, and how many images the class has."""
    ids = data.catalog.view(Filter(splits, (class_name,))).ids()
    if len(ids) > SAMPLE:
        sample = np.sort(np.random.default_rng(_SEED).choice(ids, SAMPLE, replace=False))
    else:
        sample = ids
    return list(data.catalog.rows(sample.tolist()).values()), len(ids)


def _file(rows: Sequence[Row]) -> Path:
    key = hashlib.blake2b("\n".join([str(SIZE), *sorted(row.hash or "" for row in rows)]).encode(), digest_size=12).hexdigest()
    return cache_dir("averages") / f"{key}.npz"


def prepare(data: Dataset, report: ReportProgress = ignore_progress) -> None:
    """Compute the mean images of the first classes, so that a page does not wait for them."""
    classes = data.classes[:_PREPARED]
    for done, class_name in enumerate(classes):
        report(Progress("averaging images", done, len(classes)))
        compute_mean_image(data, class_name)


def _load_or_compute(file: Path, images: list[Path]) -> tuple[np.ndarray, int] | None:
    if file.is_file():
        with np.load(file) as stored:
            return stored["image"], int(stored["n"])
    total, n = np.zeros((SIZE, SIZE, 3)), 0
    for batch in decode_batches(images, SIZE):
        total += batch.images.sum(axis=0, dtype=np.float64)
        n += len(batch.images)
    if not n:
        return None
    image = (total / n).round().astype(np.uint8)
    if n == len(images):  # otherwise not cached: an unreadable file may be repaired
        with contextlib.suppress(DiskError), replace_file(file, needed=image.nbytes) as temporary, open(temporary, "wb") as sink:
            np.savez(sink, image=image, n=n)
    return image, n
