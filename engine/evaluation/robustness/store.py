"""A run's answers to damaged pictures, in its directory: `robustness/<split>/plan.json` and `answers.bin`.

The plan names the split's images in an order in which every beginning is a fair sample: its classes in the proportions of the split.
The answers follow that order, image by image, each under all conditions at once, so that what a stopped measurement leaves behind is
a smaller sample of everything, and a larger one goes on where it ended. No torch: the pages read.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.files import read_json, remove, write_at, write_json
from engine.evaluation.robustness.corruptions import CORRUPTIONS, SEVERITIES
from engine.runs.run import Run

CONDITIONS: tuple[tuple[str, int], ...] = (("clean", 0), *((name, level) for name in CORRUPTIONS for level in SEVERITIES))
_RECORD = np.dtype([("probability", "<f2"), ("predicted", "<u2")])
_UNREAD = np.iinfo(np.uint16).max
_SEED = 0


@dataclass(frozen=True)
class CorruptionPredictions:
    """What was measured so far, of the images that could be read; n of them, in the plan's order.

    `image_ids`: (n,) of the catalog; `contents`: their hashes; `true`: (n,) class indices; `probability`: (n, conditions) float32
    of the true class; `predicted`: (n, conditions) class indices; columns stand for CONDITIONS. `measured`: images asked so far,
    `unread` of them in vain; `images`: of the split; `size`: the side of the squares, in pixels.
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
        """(n, conditions) bool."""
        return self.predicted == self.true[:, None]


def folder(run: Run, split: str) -> Path:
    return run.path / "robustness" / split


def fair_order(labels: np.ndarray, seed: int = _SEED) -> np.ndarray:
    """An order of the images, by index, of which every beginning holds the classes in the proportions of the whole; seeded."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    of = pd.Series(labels[shuffled])
    groups = of.groupby(of)
    # Where in its class an image stands, from 0 to 1: classes run out together.
    place = (groups.cumcount() + 0.5) / groups.transform("size")
    return shuffled[np.argsort(place.to_numpy(), kind="stable")]


def plan(run: Run, split: str, predictions: pd.DataFrame, identity: str, size: int) -> dict:
    """The plan for a prediction table, kept; answers to another plan (another model, other images) are thrown away."""
    ordered = predictions.iloc[fair_order(predictions["true"].to_numpy())]
    wanted = {
        "identity": identity, "size": size, "conditions": [list(condition) for condition in CONDITIONS],
        "image_ids": ordered["image_id"].tolist(), "contents": ordered["content"].tolist(), "true": ordered["true"].tolist(),
    }  # fmt: skip
    place = folder(run, split)
    if read_json(place / "plan.json") != wanted:
        remove(place / "answers.bin")
        write_json(place / "plan.json", wanted, durable=True)
    return wanted


def count_measured(run: Run, split: str) -> int:
    """How many images have been asked under all conditions."""
    file = folder(run, split) / "answers.bin"
    return file.stat().st_size // (len(CONDITIONS) * _RECORD.itemsize) if file.exists() else 0


def append(run: Run, split: str, after: int, probability: np.ndarray, predicted: np.ndarray) -> None:
    """Write the answers of some images (k, conditions) behind the first `after`; NaN probabilities where one was not read."""
    records = np.empty(probability.shape, _RECORD)
    records["probability"] = probability
    records["predicted"] = np.where(np.isnan(probability), _UNREAD, predicted)
    file = folder(run, split) / "answers.bin"
    write_at(file, after * len(CONDITIONS) * _RECORD.itemsize, records.tobytes())


def read(run: Run, split: str) -> CorruptionPredictions | None:
    """What was measured; None where nothing was, or by another version's conditions."""
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

    def of(name: str) -> np.ndarray:
        return np.array(document[name][:done])[readable]

    return CorruptionPredictions(
        split, of("image_ids"), tuple(of("contents").tolist()), of("true"), records["probability"].astype(np.float32),
        records["predicted"].astype(int), done, int((~readable).sum()), len(document["image_ids"]), document["size"],
    )  # fmt: skip
