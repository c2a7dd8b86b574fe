"""Measuring how fast this machine loads, decodes, trains and predicts: a few steps of the same loop that a run uses."""

import statistics
import time
from collections.abc import Iterable, Sized
from dataclasses import replace

import numpy as np
import torch

from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.datasets import load_dataset
from engine.data.loading import decode_batches
from engine.embeddings.extract import cache_key, forward
from engine.models import device, model, network
from engine.models.model import Model
from engine.runs.config import Config
from engine.runs.events import Step
from engine.training.batches import Images
from engine.training.finetune import FineTuning
from engine.training.time_estimate import Speeds

_FILES = 128  # decoded and embedded: two batches, of which the first warms up
_STEPS = 4
_PARTS = ("loading the model", "timing decoding", "timing predictions", "timing training steps")


def measure(config: Config, report: ReportProgress = ignore_progress) -> Speeds:
    """The speeds of this configuration on its dataset's images. Raises UserError where it cannot run."""

    def begin_part(number: int) -> None:
        report(Progress(_PARTS[number], number, len(_PARTS)))

    begin_part(0)
    began = time.monotonic()
    compute = device.select_compute(config.device, config.precision)
    trunk = network.build_trunk(config.model, config.weights if config.method == "linear" else "none", config.image_size)
    classes = load_dataset(config.dataset).classes
    current = model.create_model(trunk, classes, config.image_size, compute, config.seed, config.views)
    load = time.monotonic() - began
    catalog = load_dataset(config.dataset).catalog
    files = catalog.files(catalog.frame("train").head(_FILES))
    if not files:
        raise UserError(f"The dataset {config.dataset} has no training images.")
    begin_part(1)
    decode = _rate(batch.images for batch in decode_batches(files, config.image_size, batch_size=32))
    begin_part(2)
    embed = _rate(indices for indices, _, _ in forward(files, trunk, current.preprocessing, compute))
    vectors = cache_key(trunk, current.preprocessing, compute)
    if config.method == "linear":
        return Speeds(load, decode, embed, trunk.features, vectors)
    begin_part(3)
    return Speeds(load, decode, embed, trunk.features, vectors, **_training(current, config))


def _rate(batches: Iterable[Sized]) -> float:
    """Items per second, without the first batch, which warms up, where there are more."""
    began, counts, times = time.monotonic(), [], []
    for batch in batches:
        counts.append(len(batch))
        times.append(time.monotonic())
    if len(counts) > 1:
        return max(sum(counts[1:]), 1) / max(times[-1] - times[0], 1e-6)
    return max(sum(counts), 1) / max(times[-1] - began, 1e-6)


def _training(current: Model, config: Config) -> dict[str, float]:
    """The speeds `step`, `validate` and `freeze`, on images of noise: the network does as much work on them as on any."""
    # All layers at the full size, as in the later, longer part of a training that unfreezes or grows.
    steady = replace(config, epochs=1, unfreeze_epochs=0, initial_size=0, weights="none")
    count = _STEPS * config.batch_size
    labels = np.arange(count) % len(current.meta.classes)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, config.image_size, config.image_size, 3), dtype=np.uint8)
    images = Images(pixels, labels)
    validation = Images(pixels[:64], labels[:64])
    trainer = FineTuning(current.classifier, images, validation, steady, current.preprocessing, current.compute)
    torch.manual_seed(0)
    steps, freeze, validate, began = [], 0.0, 0.0, time.monotonic()
    last = began
    for event in trainer.fit():
        now = time.monotonic()
        if isinstance(event, Progress):
            freeze = event.done / (now - began)
        elif isinstance(event, Step):
            steps.append(now - last)
        else:
            validate = len(validation.labels) / (now - last)
        last = now
    # The first step allocates.
    return {"step": statistics.median(steps[1:] or steps), "validate": validate, "freeze": freeze}
