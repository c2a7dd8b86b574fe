"""The plain loop that ours is compared with: float32, NCHW, PIL transforms for one image at a time, a DataLoader.

A script of its own that imports nothing from the engine, whose settings of the C library and of OpenMP would speed it up too.
Its first line of input is the job in JSON. After its "ready", each further line is a number of seconds to work for; the response is the
number of images, the elapsed seconds, and the median seconds per batch.
"""

import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms


class ImageFiles(Dataset):
    """Images from their files, each decoded and transformed when it is requested."""

    def __init__(self, files: list[str], labels: list[int], transform: transforms.Compose) -> None:
        self.files, self.labels, self.transform = files, labels, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB")), self.labels[index]


def network(job: dict[str, Any]) -> nn.Module:
    if job["builder"] == "torchvision":
        return models.get_model(job["source"], weights=None)
    import timm

    return timm.create_model(job["source"], pretrained=False)


def batches(job: dict[str, Any], transform: transforms.Compose, shuffle: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches."""
    files = ImageFiles(job["files"], job["labels"], transform)
    loader = DataLoader(
        files, job["batch"], shuffle=shuffle, num_workers=job["workers"], persistent_workers=job["workers"] > 0, drop_last=True
    )
    while True:
        yield from loader


def training(job: dict[str, Any]) -> Iterator[int]:
    """Train all layers; yields the number of images per step."""
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(job["size"]),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(job["mean"], job["std"]),
        ]
    )
    model = network(job).train()
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-5), nn.CrossEntropyLoss()
    for images, labels in batches(job, transform, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        yield len(labels)


def evaluation_transform(job: dict[str, Any]) -> transforms.Compose:
    return transforms.Compose(
        [
            transforms.Resize(job["size"]),
            transforms.CenterCrop(job["size"]),
            transforms.ToTensor(),
            transforms.Normalize(job["mean"], job["std"]),
        ]
    )


def embedding(job: dict[str, Any]) -> Iterator[int]:
    """The network's outputs without gradients; yields the number of images per batch."""
    transform = evaluation_transform(job)
    model = network(job).eval()
    for images, _ in batches(job, transform, shuffle=False):
        with torch.no_grad():
            model(images)
        yield len(images)


def predicting(job: dict[str, Any]) -> Iterator[int]:
    """The top 3 classes, one image after the other, as a script would do it; with "cam" a Grad-CAM of the top class by the grad-cam package."""
    transform, model = evaluation_transform(job), network(job).eval()
    for file in itertools.cycle(job["files"]):
        with Image.open(file) as image:
            inputs = transform(image.convert("RGB"))[None]
        with torch.no_grad():
            best = model(inputs).softmax(1)[0].topk(3)
        if job.get("cam"):
            from pytorch_grad_cam import GradCAM
            from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

            with GradCAM(model, [model.get_submodule(job["cam"])]) as package:
                # The package declares modules as targets, and takes functions such as its own.
                package(inputs, [ClassifierOutputTarget(int(best.indices[0]))])  # pyrefly: ignore[bad-argument-type]
        yield 1


def serve(work: Iterator[int], ready: object = "ready") -> None:
    """Two batches to warm up, then one round per line of input; `ready` is the first response."""
    next(work)
    next(work)
    _respond(ready)
    for line in sys.stdin:
        images, start, ends = 0, time.perf_counter(), []
        while time.perf_counter() - start < float(line):
            images += next(work)
            ends.append(time.perf_counter())
        steps = [end - begin for begin, end in itertools.pairwise([start, *ends])]
        _respond([images, time.perf_counter() - start, statistics.median(steps)])


def _respond(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    torch.set_num_threads(task["threads"])
    serve({"train": training, "embed": embedding, "answer": predicting}[task["task"]](task))
