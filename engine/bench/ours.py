"""The engine's side of the comparisons: `python -m engine.bench.ours`, with the protocol of `engine.bench.reference`."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from engine import model, network
from engine.bench.reference import serve
from engine.config import configure
from engine.device import compute
from engine.embeddings import forward
from engine.network import Preprocessing
from engine.pixels import decoded
from engine.training.facts import Step
from engine.training.finetune import FineTuning, Images

_LONG = 1000  # epochs: more than any measurement sees


def training(job: dict) -> Iterator[int]:
    """Fine-tune as a run does, from decoded pictures; yields the images of each step."""
    config = configure("bench", job["preset"], **job["changes"], epochs=_LONG, patience=0, batch_size=job["batch"])
    torch.manual_seed(0)
    where = compute(config.device, config.precision)
    trunk = network.build(job["model"], "none", config.image_size)
    labels = np.array(job["labels"])
    current = model.new(trunk, tuple(map(str, range(labels.max() + 1))), config.image_size, where, config.seed)
    train = Images(job["pixels"], labels)
    few = Images(job["pixels"][:1], labels[:1])
    trainer = FineTuning(current.classifier, train, few, config, current.preprocessing, where)
    while True:
        for fact in trainer.fit():
            if isinstance(fact, Step):
                yield min(config.batch_size, len(labels))


def embedding(job: dict) -> Iterator[int]:
    """Embeddings as a run or the map asks for them, from the files; yields the images of each batch."""
    trunk = network.build(job["model"], "none", job["size"])
    files = [Path(file) for file in job["files"]]
    while True:
        for indices, _, _ in forward(files, trunk, Preprocessing(job["size"], trunk.mean, trunk.std), compute()):
            yield len(indices)


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
        serve(embedding(task))
