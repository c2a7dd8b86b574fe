"""A run's predictions on corrupted images, in its directory: `robustness/<split>/plan.json` and `answers.bin`.

The plan lists the split's images in an order of which every beginning is a fair sample, with the classes in the proportions of the split.
The predictions follow that order, image by image, each under all conditions: a stopped measurement leaves a smaller sample of everything,
and the next one continues where it ended. No torch here: the pages read these files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd

from engine.core.files import read_json, remove, write_at, write_json
from engine.evaluation.robustness.corruptions import CORRUPTIONS, SEVERITIES
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.data.predictions import Predictions

CONDITIONS: tuple[tuple[str, int], ...] = (("clean", 0), *((name, level) for name in CORRUPTIONS for level in SEVERITIES))
# 4 bytes per prediction: half precision keeps three digits of a probability.
_RECORD = np.dtype([("probability", "<f2"), ("predicted", "<u2")])
_UNREAD = np.iinfo(np.uint16).max  # as the predicted class: the image could not be read
_SEED = 0


@dataclass(frozen=True)
class CorruptionPredictions:
    """The predictions so far, for the n images that could be read, in the plan's order; one column per condition of CONDITIONS.

    `image_ids`: (n,) of the catalog; `contents`: their hashes; `true`: (n,) class indices; `probability`: (n, conditions) float32
    of the true class; `predicted`: (n, conditions) class indices. `measured`: images so far, of which `unread` could not be read;
    `images`: all images of the split; `size`: the side of the squares, in pixels.
    """

    split: str
    image_ids: np.ndarray
    contents: tuple[str, ...]
    true: np.ndarray
    probability: np.ndarray
    predicted: np.ndarray
    measured: int
    unread: int
    images: int
    size: int

    @property
    def right(self) -> np.ndarray:
        """(n, conditions) bool: whether the prediction is the true class."""
        return self.predicted == self.true[:, None]


def folder(run: Run, split: str) -> Path:
    return run.path / "robustness" / split


def fair_order(labels: np.ndarray, seed: int = _SEED) -> np.ndarray:
    """Indices of the images in an order of which every beginning has the classes in the proportions of the whole; seeded."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    shuffled_labels = pd.Series(labels[shuffled])
    groups = shuffled_labels.groupby(shuffled_labels)
    # The place of an image within its class, from 0 to 1: sorted by it, all classes are used up together.
    place = (groups.cumcount() + 0.5) / groups.transform("size")
    return shuffled[np.argsort(place.to_numpy(), kind="stable")]


class Plan(TypedDict):
    """`plan.json`: the model's `identity`, the images in the order of measurement, and the conditions."""

    identity: str
    size: int
    conditions: list[list[str | int]]
    image_ids: list[int]
    contents: list[str]
    true: list[int]


def plan(run: Run, split: str, predictions: "Predictions", identity: str, size: int) -> Plan:
    """Write the plan for a run's predictions, and delete predictions by another plan (another model, other images)."""
    ordered = predictions.take(fair_order(predictions.true))
    document: Plan = {
        "identity": identity, "size": size, "conditions": [[name, severity] for name, severity in CONDITIONS],
        "image_ids": ordered.ids.tolist(), "contents": ordered.contents.tolist(), "true": ordered.true.tolist(),
    }  # fmt: skip
    directory = folder(run, split)
    # Compared as a whole: any difference means that the predictions on disk belong to other images or another model.
    if read_json(directory / "plan.json") != document:
        remove(directory / "answers.bin")
        write_json(directory / "plan.json", document, durable=True)
    return document


def count_measured(run: Run, split: str) -> int:
    """How many images have been predicted under all conditions."""
    file = folder(run, split) / "answers.bin"
    return file.stat().st_size // (len(CONDITIONS) * _RECORD.itemsize) if file.exists() else 0


def append(run: Run, split: str, after: int, probability: np.ndarray, predicted: np.ndarray) -> None:
    """Write the predictions of k images, (k, conditions), behind those of the first `after`; NaN probabilities for unreadable images."""
    records = np.empty(probability.shape, _RECORD)
    records["probability"] = probability
    records["predicted"] = np.where(np.isnan(probability), _UNREAD, predicted)
    file = folder(run, split) / "answers.bin"
    write_at(file, after * len(CONDITIONS) * _RECORD.itemsize, records.tobytes())


def read(run: Run, split: str) -> CorruptionPredictions | None:
    """The predictions so far; None where there are none, or where another version measured other conditions."""
    document = read_json(folder(run, split) / "plan.json")
    done = count_measured(run, split)
    if not isinstance(document, dict) or not done or document.get("conditions") != [list(each) for each in CONDITIONS]:
        return None
    width = len(CONDITIONS) * _RECORD.itemsize
    with open(folder(run, split) / "answers.bin", "rb") as file:
        records = np.frombuffer(file.read(done * width), _RECORD).reshape(done, len(CONDITIONS))
    readable = records["predicted"][:, 0] != _UNREAD
    records = records[readable]
    if not len(records):
        return None

    def column(name: str) -> np.ndarray:
        return np.array(document[name][:done])[readable]

    return CorruptionPredictions(
        split=split,
        image_ids=column("image_ids"),
        contents=tuple(column("contents").tolist()),
        true=column("true"),
        probability=records["probability"].astype(np.float32),
        predicted=records["predicted"].astype(int),
        measured=done,
        unread=int((~readable).sum()),
        images=len(document["image_ids"]),
        size=document["size"],
    )
