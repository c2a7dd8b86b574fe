"""What a trained model withstands: how its confidence in the true class falls under each step of a pipeline.

A step whose pictures the model itself no longer recognises has destroyed the label's evidence, or shows what the model has
never learnt to see through; either way a person should look before training on it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.decoding import ImageError, load_square
from engine.evaluation.metrics import bootstrap_mean
from engine.evaluation.scoring import LabelledImages
from engine.models.augment import seeded, step_transform
from engine.models.model import Model
from engine.models.network import to_uint8_batch
from engine.runs.pipelines import PipelineStep

HURTS = 0.05  # a mean loss of confidence, all of its interval above, that a person should look at
SAFE = 0.02
FACTORS = (0.5, 1.0, 2.0, 4.0)  # times the step's own strength
IMAGES = 60
_SEED = 0


@dataclass(frozen=True)
class LabelledSquares:
    """Pictures with known classes: `squares` (n, size, size, 3) uint8, `labels` (n,) class indices."""

    squares: np.ndarray
    labels: np.ndarray


def load_sample(images: LabelledImages, size: int, count: int = IMAGES, seed: int = _SEED) -> LabelledSquares:
    """Up to `count` of the images, evenly from the classes; the same seed, the same images. Unreadable ones are left out."""
    order = np.random.default_rng(seed).permutation(len(images.labels))
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


def measure_steps(model: Model, pictures: LabelledSquares, steps: Sequence[PipelineStep]) -> Iterator[dict]:
    """For each step, done for certain at each of FACTORS times its strength: a row as soon as it is measured.

    Columns: step (its place), factor, text (the step as it was done), n, plain and confidence (mean probability of the true
    class without and with the step), drop with low and high (its mean over the images and a 95% bootstrap interval, paired
    by image), hurts (whether that is a loss to look at), worst (the index of the class that loses most) and worst_drop. A step
    without strengths has one row.
    """
    size = pictures.squares.shape[1]
    images = to_uint8_batch(pictures.squares).contiguous()
    plain = _confidence(model, pictures.squares, pictures.labels)
    for place, step in enumerate(steps):
        for factor, stronger in _graded(step):
            changed = seeded(images, step_transform(stronger, size), _SEED)
            after = _confidence(model, changed.permute(0, 2, 3, 1).numpy(), pictures.labels)
            fall = bootstrap_mean(plain - after)
            by_class = pd.Series(plain - after).groupby(pictures.labels).mean()
            yield {
                "step": place, "factor": factor, "text": stronger.text, "n": len(plain),
                "plain": float(plain.mean()), "confidence": float(after.mean()),
                "drop": fall.value, "low": fall.low, "high": fall.high, "hurts": fall.low > HURTS,
                "worst": int(by_class.idxmax()), "worst_drop": float(by_class.max()),
            }  # fmt: skip


def count_rows(steps: Sequence[PipelineStep]) -> int:
    """How many rows `withstood` gives."""
    return sum(len(_graded(step)) for step in steps)


def _graded(step: PipelineStep) -> list[tuple[float, PipelineStep]]:
    """The step at each factor that its bounds let differ from the ones before."""
    certain = PipelineStep(step.transform, 1.0, step.values)
    if not step.values:
        return [(1.0, certain)]
    graded = {certain.text: (1.0, certain)}
    for factor in FACTORS:
        stronger = certain.stronger(factor)
        graded.setdefault(stronger.text, (factor, stronger))
    return sorted(graded.values(), key=lambda grade: grade[0])


def _confidence(model: Model, squares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The probability of the true class: (n,)."""
    batches = [model.probabilities(squares[start : start + 64]) for start in range(0, len(squares), 64)]
    return np.concatenate(batches)[np.arange(len(labels)), labels].astype(np.float64)


def verdict(rows: pd.DataFrame) -> str:
    """Of one step's rows: "hurts" at its own strength, "withstood" at every strength tried, or "" between the two."""
    own = rows[rows["factor"] == 1.0].iloc[0]
    if own["hurts"]:
        return "hurts"
    return "withstood" if (rows["high"] < SAFE).all() else ""
