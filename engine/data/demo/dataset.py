"""The demo dataset on disk: Kaggle's layout of the Intel scenes, made without a network."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.core.errors import DiskError
from engine.core.files import create_folder, explain_disk_errors, move, temporary_folder
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.demo.scenes import CLASSES, paint

Painting = tuple[Path, str, int]  # the file, its class, its seed
QUALITY = 88  # of the JPEG files


def write_demo(
    folder: Path, seed: int = 0, report: ReportProgress = ignore_progress,
    *, train: int = 150, test: int = 40, unlabelled: int = 60,
) -> int:  # fmt: skip
    """Write the dataset and return its number of images. The same seed (0 or more) gives the same bytes.

    `train` and `test` are numbers of images per class, `unlabelled` is one in total. The folder appears at the end, complete, and
    replaces one that exists. `report` is called after each image.
    """
    folder = Path(folder)
    with temporary_folder(folder.parent, f".{folder.name}-") as draft:
        paintings = list(_plan(draft / "whole", seed, train, test, unlabelled))
        _write(paintings, report)
        _replace(draft, folder)
    return len(paintings)


def _plan(root: Path, seed: int, train: int, test: int, unlabelled: int) -> Iterator[Painting]:
    """Every image to paint, under shuffled numbers, so that a file name says nothing about the class."""
    rng = np.random.default_rng(seed)
    labelled = [
        (f"seg_{split}/seg_{split}/{kind}", kind)
        for split, count in (("train", train), ("test", test))
        for kind in CLASSES
        for _ in range(count)
    ]
    hidden = [("seg_pred/seg_pred", CLASSES[pick]) for pick in rng.integers(len(CLASSES), size=unlabelled)]
    places = labelled + hidden
    numbers = rng.permutation(len(places)) + 1
    for (place, kind), number in zip(places, numbers, strict=True):
        yield root / place / f"{number}.jpg", kind, int(seed * 1_000_003 + number)


def _write(paintings: list[Painting], report: ReportProgress) -> None:
    for folder in {path.parent for path, _, _ in paintings}:
        create_folder(folder)
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        for done, _ in enumerate(pool.map(_save, paintings), start=1):
            report(Progress("painting images", done, len(paintings)))
    finally:
        pool.shutdown(cancel_futures=True)


def _save(painting: Painting) -> None:
    path, kind, seed = painting
    with explain_disk_errors(path):
        paint(kind, seed).save(path, quality=QUALITY)


def _replace(draft: Path, folder: Path) -> None:
    """Move the finished dataset in `draft` to `folder`; what was there is removed with the draft, or put back on an error."""
    if not folder.exists():
        move(draft / "whole", folder)
        return
    move(folder, draft / "old")
    try:
        move(draft / "whole", folder)
    except DiskError:
        move(draft / "old", folder)
        raise
