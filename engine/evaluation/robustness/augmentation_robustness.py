"""Robustness to augmentation: how a trained model's confidence in the true class falls under each step of a pipeline.

A step after which the model no longer recognises the images has either destroyed the evidence for the label, or shows a change that the
model was never trained on. In both cases a person should look at it before training with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.data.decoding import ImageError, load_square
from engine.evaluation.metrics import bootstrap_mean
from engine.evaluation.scoring import LabelledImages
from engine.models.augment import augment_seeded, build_step
from engine.models.model import Model
from engine.models.network import to_uint8_batch
from engine.runs.pipelines import PipelineStep

HURTS = 0.05  # mean loss of confidence from which a step hurts, with the whole interval above it
SAFE = 0.02  # mean loss of confidence below which a step is withstood, with the whole interval below it
FACTORS = (0.5, 1.0, 2.0, 4.0)  # times the step's own strength
IMAGES = 60
_SEED = 0


@dataclass(frozen=True)
class LabelledSquares:
    """Images with known classes: `squares` (n, size, size, 3) uint8, `labels` (n,) class indices."""

    squares: np.ndarray
    labels: np.ndarray


def load_sample(images: LabelledImages, size: int, count: int = IMAGES, seed: int = _SEED) -> LabelledSquares:
    """Up to `count` of the images, as many from each class as possible, chosen by the seed. Unreadable ones are left out."""
    order = np.random.default_rng(seed).permutation(len(images.labels))
    # The first image of every class, then the second of every class, and so on.
    rank = pd.Series(images.labels[order]).groupby(images.labels[order]).cumcount().to_numpy()
    chosen = order[np.argsort(rank, kind="stable")][:count]
    squares, labels = [], []
    for index in chosen:
        try:
            squares.append(load_square(images.files[index], size))
        except (ImageError, OSError):
            continue
        labels.append(images.labels[index])
    return LabelledSquares(
        np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8), np.array(labels, dtype=np.int64)
    )


def measure_steps(model: Model, sample: LabelledSquares, steps: Sequence[PipelineStep]) -> Iterator[dict[str, Any]]:
    """Yields a row for each step, applied to every image, at each of FACTORS times its strength, as soon as it is measured.

    Columns: step (its index), factor, text (the step as it was applied), n, plain and confidence (mean probability of the true class
    without and with the step), drop with low and high (the mean loss over the images and its 95% bootstrap interval, paired by image),
    hurts (whether low is above HURTS), worst (the index of the class that loses most) and worst_drop. A step without strengths has one
    row.
    """
    size = sample.squares.shape[1]
    images = to_uint8_batch(sample.squares).contiguous()
    plain = _confidence(model, sample.squares, sample.labels)
    for place, step in enumerate(steps):
        for factor, stronger in _graded(step):
            changed = augment_seeded(images, build_step(stronger, size), _SEED)
            confidence = _confidence(model, changed.permute(0, 2, 3, 1).numpy(), sample.labels)
            drop = bootstrap_mean(plain - confidence)
            by_class = pd.Series(plain - confidence).groupby(sample.labels).mean()
            yield {
                "step": place, "factor": factor, "text": stronger.text, "n": len(plain),
                "plain": float(plain.mean()), "confidence": float(confidence.mean()),
                "drop": drop.value, "low": drop.low, "high": drop.high, "hurts": drop.low > HURTS,
                "worst": int(by_class.idxmax()), "worst_drop": float(by_class.max()),
            }  # fmt: skip


def count_rows(steps: Sequence[PipelineStep]) -> int:
    """How many rows `measure_steps` yields."""
    return sum(len(_graded(step)) for step in steps)


def _graded(step: PipelineStep) -> list[tuple[float, PipelineStep]]:
    """The step at each factor, without those that its bounds make equal to another."""
    # Always applied: at its own probability, most images would show no loss.
    certain = PipelineStep(step.transform, 1.0, step.values)
    if not step.values:
        return [(1.0, certain)]
    graded = {certain.text: (1.0, certain)}
    for factor in FACTORS:
        stronger = certain.stronger(factor)
        graded.setdefault(stronger.text, (factor, stronger))
    return sorted(graded.values(), key=lambda grade: grade[0])


def _confidence(model: Model, squares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The probabilities of the true classes: (n,)."""
    batches = [model.probabilities(squares[start : start + 64]) for start in range(0, len(squares), 64)]
    return np.concatenate(batches)[np.arange(len(labels)), labels].astype(np.float64)


def verdict(rows: pd.DataFrame) -> Literal["hurts", "withstood", ""]:
    """Whether one step, given its rows, hurts at its own strength or is withstood at every strength tried; "" between the two."""
    own = rows[rows["factor"] == 1.0].iloc[0]
    if own["hurts"]:
        return "hurts"
    return "withstood" if (rows["high"] < SAFE).all() else ""
