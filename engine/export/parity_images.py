"""The pictures that a file is checked on: the run's own dataset, or generated ones where it is gone."""

from dataclasses import dataclass

import numpy as np

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.data.loading import decode_batches
from engine.runs.run import Run

CHECKED = 200  # pictures that a float32 file must answer alike
MEASURED = 1500  # pictures that the accuracy of an int8 file is measured on, of validation and test together


@dataclass(frozen=True)
class Sample:
    """`squares`: (n, size, size, 3) uint8; `true`: (n,) class indices, -1 where unknown; `what`: what they are, in words."""

    squares: np.ndarray
    true: np.ndarray
    what: str

    def __len__(self) -> int:
        return len(self.squares)

    def spread(self, count: int) -> "Sample":
        """Up to `count` of them, spread evenly."""
        rows = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int))
        return Sample(self.squares[rows], self.true[rows], self.what)


def of_run(run: Run, size: int, splits: tuple[str, ...], count: int) -> Sample:
    """Up to `count` readable pictures of some splits of the run's dataset, spread evenly. Raises UserError without any."""
    data = load_dataset(run.config.dataset)
    numbers = {name: number for number, name in enumerate(run.classes)}
    files, true = [], []
    for split in splits:
        frame = data.catalog.frame(split)
        frame = frame[frame["class"].isin(run.classes)].sort_values("hash", ignore_index=True)
        files += data.catalog.files(frame)
        true += frame["class"].map(numbers).tolist()
    rows = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)) if files else np.array([], int)
    batches = list(decode_batches([files[i] for i in rows], size))
    squares = [batch.images for batch in batches if len(batch.images)]
    if not squares:
        raise UserError(f"No image of {data.name} can be read.", "Put the images back where the dataset was added from.")
    read = np.concatenate([batch.indices for batch in batches])
    return Sample(np.concatenate(squares), np.array(true)[rows][read], f"{' and '.join(splits)} images of {data.name}")


def for_checking(run: Run, size: int) -> Sample:
    """Pictures for the comparison of a file with its model: real ones where they are to be had."""
    try:
        return of_run(run, size, ("validation", "test"), CHECKED)
    except UserError:
        return generated(size)


def generated(size: int, count: int = 64) -> Sample:
    """Fields of colour with noise: no scenes, but pictures."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).repeat(-(-size // 4), axis=1).repeat(-(-size // 4), axis=2)
    squares = (coarse[:, :size, :size] * 0.8 + rng.integers(0, 50, (count, size, size, 3))).astype(np.uint8)
    return Sample(squares, np.full(count, -1), "generated pictures (the dataset is not here)")
