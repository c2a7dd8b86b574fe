"""The learning-rate finder: a short training whose rate rises from step to step (Smith 2017).

The loss falls where the rate is useful and rises where it is too high. The suggestion is the rate at which half of the fall
is done: near the steepest place, as the paper and fastai advise, and not moved by the bumps of single batches.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.datasets import load_dataset
from engine.data.loading import decode_batches
from engine.evaluation import scoring
from engine.models import device, model, network
from engine.runs.config import Config
from engine.runs.events import Step
from engine.training.batches import Images
from engine.training.divergence import DivergenceError
from engine.training.finetune import FineTuning

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 90
_SMOOTHING = 0.85
_TOO_HIGH = 3.0  # times the lowest loss: rates beyond that tell nothing more
_LEAST_FALL = 0.05  # of the first loss
_IMAGES = 1024  # at most, drawn evenly from the training images


@dataclass(frozen=True)
class Point:
    """One step: its learning rate, the loss of its batch, and the exponentially smoothed loss."""

    lr: float
    loss: float
    smoothed: float


class RangeTest(FineTuning):
    """A training whose learning rate rises geometrically from LOWEST to HIGHEST."""

    def learning_rate(self) -> float:
        return LOWEST * (HIGHEST / LOWEST) ** (self.step / (STEPS - 1))


def run_range_test(config: Config, report: ReportProgress = ignore_progress) -> Iterator[Point]:
    """The points of a range test for this configuration, until the loss explodes or the rate is at its highest.

    Raises UserError where the configuration cannot be trained, and what `report` raises.
    """
    if config.method != "finetune":
        raise UserError("method=linear has no learning rate to find.", "Set method=finetune.")
    trainer = _range_test(config, report)
    average, best = 0.0, float("inf")
    try:
        for number, step in enumerate(itertools.islice(_steps(trainer), STEPS), start=1):
            average = _SMOOTHING * average + (1 - _SMOOTHING) * step.loss
            # Without the correction the first points would be pulled towards the average's start, 0.
            smoothed = average / (1 - _SMOOTHING**number)
            best = min(best, smoothed)
            yield Point(step.learning_rate, step.loss, smoothed)
            if smoothed > _TOO_HIGH * best:
                return
            report(Progress("raising the learning rate", number, STEPS))
    except DivergenceError:
        # Nothing is finite beyond this rate: the test has its answer, unless not even the first step worked.
        if average == 0.0:
            raise


def suggest_learning_rate(points: Sequence[Point]) -> tuple[float | None, str]:
    """The rate to take and why; None where no rate brought the loss down."""
    if len(points) < 2:
        return None, "There are too few points for a suggestion."
    losses, rates = np.array([p.smoothed for p in points]), np.array([p.lr for p in points])
    low = int(np.argmin(losses))
    high = int(np.argmax(losses[: low + 1]))
    fall = losses[high] - losses[low]
    if fall < _LEAST_FALL * losses[0]:
        return None, "The loss did not fall at any learning rate: check the labels, the augmentation and the trained share."
    half = high + int(np.argmax(losses[high:] <= losses[high] - fall / 2))
    reason = (
        f"The loss falls from {losses[high]:.2f} to {losses[low]:.2f} at a rate of {rates[low]:.1e}, "
        f"and has done half of that at {rates[half]:.1e}, where it falls fast and is far from rising again."
    )
    if low == len(points) - 1:
        reason += " The loss was still falling at the highest rate: a higher one may work as well."
    return float(rates[half]), reason


def _range_test(config: Config, report: ReportProgress) -> RangeTest:
    # At least STEPS steps, without anything that depends on the epoch. No average of the weights: nobody evaluates them.
    plain = replace(config, epochs=STEPS, patience=0, unfreeze_epochs=0, initial_size=0, draws=0, ema=0.0, views="one", workers=0)
    compute = device.select_compute(plain.device, plain.precision)
    data = load_dataset(plain.dataset)
    images = _sample(scoring.split_images(data, "train", data.classes), plain, report)
    torch.manual_seed(plain.seed)
    trunk = network.build_trunk(plain.model, plain.weights, plain.image_size)
    current = model.create_model(trunk, data.classes, plain.image_size, compute, plain.seed)
    validation = Images(images.pixels[:1], images.labels[:1])  # only because an epoch ends with one: its score is not used
    return RangeTest(current.classifier, images, validation, plain, current.preprocessing, compute)


def _steps(trainer: RangeTest) -> Iterator[Step]:
    return (event for event in trainer.fit() if isinstance(event, Step))


def _sample(images: scoring.LabelledImages, config: Config, report: ReportProgress) -> Images:
    """Some of the training images, decoded, with their labels; those that cannot be read are left out."""
    selection = np.random.default_rng(config.seed).permutation(len(images.labels))[:_IMAGES]
    pixels, labels = [], []
    for batch in decode_batches([images.files[i] for i in selection], config.image_size):
        pixels.append(batch.images)
        labels.append(images.labels[selection[batch.indices]])
        report(Progress("decoding images", sum(map(len, labels)), len(selection)))
    if not sum(map(len, labels)):
        raise UserError(f"The dataset {config.dataset} has no training images that can be read.")
    return Images(np.concatenate(pixels), np.concatenate(labels))
