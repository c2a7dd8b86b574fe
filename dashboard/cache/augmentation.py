"""Images as augmentation makes them, and how a model takes them."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dashboard.cache.cached import cached
from dashboard.cache.late_imports import IMPORT_LOCK
from dashboard.cache.models import model
from engine.core.progress import Progress, ReportProgress
from engine.data.datasets import Dataset
from engine.runs.config import from_dict
from engine.runs.pipelines import parse_pipeline
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.evaluation.robustness.augmentation_robustness import LabelledSquares


@cached()
def augment_images(contents: tuple[str, ...], _squares: np.ndarray, recipe: str, seed: int) -> np.ndarray:
    """One draw of a pipeline per image: (n, size, size, 3) uint8, for squares of the same shape."""
    with IMPORT_LOCK:
        import torch

        from engine.models import augment
    images = torch.from_numpy(_squares).permute(0, 3, 1, 2).contiguous()
    augmented = augment.augment_seeded(images, augment.build_pipeline(recipe, images.shape[-1]), seed)
    return augmented.permute(0, 2, 3, 1).numpy()


@cached()
def augment_by_step(content: str, _square: np.ndarray, recipe: str, seed: int) -> np.ndarray:
    """One draw of each step of a pipeline alone: (steps, size, size, 3) uint8."""
    with IMPORT_LOCK:
        import torch

        from engine.models import augment
    # A copy, since a decoded square may be read-only, about which torch warns.
    image = torch.from_numpy(_square.copy()).permute(2, 0, 1).contiguous()
    return augment.draw_steps(image, parse_pipeline(recipe), seed).permute(0, 2, 3, 1).numpy()


@cached()
def mix_images(
    contents: tuple[str, ...],
    _squares: np.ndarray,
    labels: tuple[int, ...],
    classes: int,
    recipe: str,
    kind: str,
    alpha: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Images after a pipeline and mixing, (n, size, size, 3) uint8, and the shares of their classes, (n, classes)."""
    with IMPORT_LOCK:
        import torch

        from engine.training import mixing
    images = torch.from_numpy(augment_images(contents, _squares, recipe, seed)).permute(0, 3, 1, 2).float()
    config = from_dict({"method": "finetune", "mixing": kind, "mixing_alpha": alpha})
    mix, targets, n = mixing.mixer(config, classes), torch.tensor(labels), len(labels)
    mixed, shares = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # One pair at a time: training draws one share per batch, and a sheet of eight images with the same share shows nothing.
        for position in range(n):
            pair = [position, (position + 1) % n]
            image, share = mix(images[pair], targets[pair])
            mixed.append(image[0])
            shares.append(share[0])
    return torch.stack(mixed).round().byte().permute(0, 2, 3, 1).numpy(), torch.stack(shares).numpy()


@cached(checkpoint=True)
def augmentation_robustness(run: Run, data: Dataset, recipe: str, _report: ReportProgress) -> pd.DataFrame:
    """How a model's confidence falls with the strength of one step, on validation images. Raises UserError."""
    with IMPORT_LOCK:
        from engine.evaluation.robustness.augmentation_robustness import count_rows, measure_steps
    steps, rows = parse_pipeline(recipe).steps, []
    for row in measure_steps(model(run), _validation_sample(run, data), steps):
        rows.append(row)
        _report(Progress("measuring", len(rows), count_rows(steps)))
    return pd.DataFrame(rows)


@cached(checkpoint=True, shared=True)
def _validation_sample(run: Run, data: Dataset) -> "LabelledSquares":
    with IMPORT_LOCK:
        from engine.evaluation.robustness.augmentation_robustness import load_sample
        from engine.evaluation.scoring import split_images
    images = split_images(data, "validation", run.classes)
    return load_sample(images, model(run).meta.image_size)
