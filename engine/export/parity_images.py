"""The images that an exported file is checked on: those of the run's own dataset, or generated ones where it is gone."""

from dataclasses import dataclass

import numpy as np

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.data.loading import decode_batches
from engine.runs.run import Run

CHECKED = 200  # images on which a float32 file must give the same predictions
MEASURED = 1500  # images, of validation and test together, on which the accuracy of an int8 file is measured


@dataclass(frozen=True)
class ParityImages:
    """`squares`: (n, size, size, 3) uint8; `true`: (n,) class indices, -1 where unknown; `origin`: what they are, in words."""

    squares: np.ndarray
    true: np.ndarray
    origin: str

    def __len__(self) -> int:
        return len(self.squares)


def load_images(run: Run, size: int, splits: tuple[str, ...], count: int) -> ParityImages:
    """Up to `count` readable images of some splits of the run's dataset, spread evenly. Raises UserError where there are none."""
    data = load_dataset(run.config.dataset)
    numbers = {name: number for number, name in enumerate(run.classes)}
    files, true = [], []
    for split in splits:
        frame = data.catalog.frame(split)
        frame = frame[frame["class"].isin(run.classes)].sort_values(
            "hash", ignore_index=True
        )  # a fixed order, not that of the scan
        files += data.catalog.files(frame)
        true += frame["class"].map(numbers).tolist()
    rows = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)) if files else np.array([], int)
    batches = list(decode_batches([files[i] for i in rows], size))
    squares = [batch.images for batch in batches if len(batch.images)]
    if not squares:
        raise UserError(f"No image of {data.name} can be read.", "Put the images back where the dataset was added from.")
    readable = np.concatenate([batch.indices for batch in batches])
    return ParityImages(np.concatenate(squares), np.array(true)[rows][readable], f"{' and '.join(splits)} images of {data.name}")


def load_parity_images(run: Run, size: int) -> ParityImages:
    """The images for the parity check: real ones where the dataset still has them, generated ones otherwise."""
    try:
        return load_images(run, size, ("validation", "test"), CHECKED)
    except UserError:
        return generate_images(size)


def generate_images(size: int, count: int = 64) -> ParityImages:
    """Synthetic colour fields with noise; valid inputs, not scenes."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).repeat(-(-size // 4), axis=1).repeat(-(-size // 4), axis=2)
    squares = (coarse[:, :size, :size] * 0.8 + rng.integers(0, 50, (count, size, size, 3))).astype(np.uint8)
    return ParityImages(squares, np.full(count, -1), "generated images (the dataset is not available)")
