"""The plain loop that ours is measured next to: float32, NCHW, PIL transforms an image at a time, a DataLoader.

A script of its own that imports nothing of the engine, whose settings of the C library and of OpenMP would serve it too.
Its first line of input is the job in JSON; after its "ready", each further line is a number of seconds to work for, and is
answered by the images done, the seconds taken, and the median of the seconds between two answers.
"""

import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms


class Files(Dataset):
    """Pictures from their files, transformed one by one as they are asked for."""

    def __init__(self, files: list[str], labels: list[int], transform: transforms.Compose) -> None:
        self.files, self.labels, self.transform = files, labels, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB")), self.labels[index]


def network(job: dict) -> nn.Module:
    if job["builder"] == "torchvision":
        return models.get_model(job["source"], weights=None)
    import timm

    return timm.create_model(job["source"], pretrained=False)


def batches(job: dict, transform: transforms.Compose, shuffle: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end."""
    files = Files(job["files"], job["labels"], transform)
    loader = DataLoader(
        files, job["batch"], shuffle=shuffle, num_workers=job["workers"], persistent_workers=job["workers"] > 0, drop_last=True
    )
    while True:
        yield from loader


def training(job: dict) -> Iterator[int]:
    """Train all layers; yields the images of each step."""
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


def evaluation(job: dict) -> transforms.Compose:
    return transforms.Compose(
        [
            transforms.Resize(job["size"]),
            transforms.CenterCrop(job["size"]),
            transforms.ToTensor(),
            transforms.Normalize(job["mean"], job["std"]),
        ]
    )


def embedding(job: dict) -> Iterator[int]:
    """The network's answers without gradients; yields the images of each batch."""
    transform = evaluation(job)
    model = network(job).eval()
    for images, _ in batches(job, transform, shuffle=False):
        with torch.no_grad():
            model(images)
        yield len(images)


def answering(job: dict) -> Iterator[int]:
    """The three best classes, one picture after the other, as a script does; with "cam" a Grad-CAM of the best, by its package."""
    transform, model = evaluation(job), network(job).eval()
    for file in itertools.cycle(job["files"]):
        with Image.open(file) as image:
            inputs = transform(image.convert("RGB"))[None]
        with torch.no_grad():
            best = model(inputs).softmax(1)[0].topk(3)
        if job.get("cam"):
            from pytorch_grad_cam import GradCAM
            from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

            with GradCAM(model, [model.get_submodule(job["cam"])]) as package:
                package(inputs, [ClassifierOutputTarget(int(best.indices[0]))])
        yield 1


def serve(work: Iterator[int], ready: object = "ready") -> None:
    """Two batches to warm up, then rounds as the input asks for them; `ready` is the first answer."""
    next(work), next(work)
    _answer(ready)
    for line in sys.stdin:
        images, began, marks = 0, time.perf_counter(), []
        while time.perf_counter() - began < float(line):
            images += next(work)
            marks.append(time.perf_counter())
        steps = [after - before for before, after in itertools.pairwise([began, *marks])]
        _answer([images, time.perf_counter() - began, statistics.median(steps)])


def _answer(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    task = json.loads(sys.stdin.readline())
    torch.set_num_threads(task["threads"])
    serve({"train": training, "embed": embedding, "answer": answering}[task["task"]](task))
