"""Training dynamics: how each validation image was predicted, epoch by epoch, and what that says about the image.

`dynamics.json` lists the images, once. `dynamics.bin` holds 4 bytes per image and epoch, at an offset that follows from the epoch: an
epoch that is trained again after a kill overwrites itself, and an incomplete last epoch is not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import read_json, write_at, write_json

STATES = {
    "early": "recognised from the first half of the training on",
    "late": "recognised for good only in the second half",
    "forgotten": "recognised once, wrong at the end",
    "never": "wrong in every epoch",
}
# 4 bytes: half precision keeps three digits of a probability.
_RECORD = np.dtype([("probability", "<f2"), ("predicted", "<u2")])


@dataclass(frozen=True)
class Dynamics:
    """The predictions of n images after each epoch.

    `contents`: the images' content hashes; `true`: (n,) class indices; `probability`: (epochs, n) float16, of the true class;
    `predicted`: (epochs, n) class indices.
    """

    contents: tuple[str, ...]
    true: np.ndarray
    probability: np.ndarray
    predicted: np.ndarray


def write_images(run_path: Path, contents: Sequence[str], true: np.ndarray) -> None:
    """List the images whose predictions will be written, in the order of the later tables."""
    write_json(
        run_path / "dynamics.json",
        {"contents": list(contents), "true": [int(label) for label in true]},
        durable=True,
        make_folder=False,
    )


def write_epoch(run_path: Path, epoch: int, predictions: pd.DataFrame) -> None:
    """Write the predictions after `epoch` (from 1): columns true, predicted, probabilities; later epochs in the file are cut off."""
    records = np.empty(len(predictions), _RECORD)
    probabilities = np.stack(predictions["probabilities"].to_list())
    records["probability"] = probabilities[np.arange(len(records)), predictions["true"]]
    records["predicted"] = predictions["predicted"]
    file = run_path / "dynamics.bin"
    size = file.stat().st_size if file.exists() else 0
    # Never beyond the end: epochs that were lost would read as zeros.
    write_at(file, min((epoch - 1) * records.nbytes, size), records.tobytes())


def read(run_path: Path) -> Dynamics:
    """The dynamics so far. Raises UserError where the run has none: a linear head has no epochs."""
    document = read_json(run_path / "dynamics.json")
    try:
        content = (run_path / "dynamics.bin").read_bytes()
    except FileNotFoundError:
        content = b""
    images = len(document["contents"]) if document else 0
    epochs = len(content) // (images * _RECORD.itemsize) if images else 0
    if not epochs:
        raise UserError(
            f"The run {run_path.name} has no training dynamics.",
            "Runs with method=finetune record them, from the first epoch on.",
        )
    records = np.frombuffer(content, _RECORD, epochs * images).reshape(epochs, images)
    return Dynamics(
        contents=tuple(document["contents"]),
        true=np.array(document["true"]),
        probability=records["probability"],
        predicted=records["predicted"].astype(int),
    )


def summary(dynamics: Dynamics) -> pd.DataFrame:
    """One row per image: content, true, state (of STATES), settled, forgettings, confidence, variability, correctness.

    `settled`: the epoch (from 1) from which on the image was always recognised, 0 for never. `forgettings`: how often it was
    recognised in one epoch and not in the next (Toneva et al. 2019). `confidence` and `variability`: mean and standard
    deviation of the true class's probability, `correctness`: the share of epochs that recognised it (Swayamdipta et al. 2020).
    """
    right = dynamics.predicted == dynamics.true
    epochs = len(right)
    last_wrong = np.where(right.all(axis=0), 0, epochs - np.argmax(~right[::-1], axis=0))  # epoch, from 1; 0 for none
    settled = np.where(right[-1], last_wrong + 1, 0)
    early = settled <= -(-epochs // 2)
    states = np.select([~right.any(axis=0), ~right[-1], early], ["never", "forgotten", "early"], "late")
    probability = dynamics.probability.astype(float)
    return pd.DataFrame(
        {
            "content": dynamics.contents,
            "true": dynamics.true,
            "state": states,
            "settled": settled,
            "forgettings": (right[:-1] & ~right[1:]).sum(axis=0),
            "confidence": probability.mean(axis=0),
            "variability": probability.std(axis=0),
            "correctness": right.mean(axis=0),
        }
    )
