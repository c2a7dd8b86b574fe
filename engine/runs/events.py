"""What a training reports: small records that become lines of `events.jsonl`.

The name of a class, in lower case, is the `kind` of its line. Older runs are read by the same names: neither they nor the fields may change.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Event:
    def to_event(self) -> dict[str, Any]:
        return {"kind": type(self).__name__.lower(), **asdict(self)}


@dataclass(frozen=True)
class Message(Event):
    """A sentence for the person who reads the run."""

    text: str
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True)
class Step(Event):
    """One step of the optimiser: the loss of its batch, the learning rate of the head, and `rate` in images per second."""

    step: int
    epoch: int
    loss: float
    learning_rate: float
    rate: float


@dataclass(frozen=True)
class Epoch(Event):
    """One pass over the training images and its validation; `step` counts the steps so far, `best` says that no epoch so far was better.

    `learning_rate` is that of the epoch's last step, `validation_recall` that of each class (None without images), `rate` in images
    per second, `waiting` the share of the time that training waited for its batches, `memory` the peak in bytes.
    """

    epoch: int
    step: int
    train_loss: float
    train_macro_f1: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    rate: float
    seconds: float
    best: bool
    learning_rate: float
    validation_recall: list[float | None]
    waiting: float
    memory: int


@dataclass(frozen=True)
class Resumed(Event):
    """The training goes on from a checkpoint that was saved after `step` steps and `epoch` epochs; what came later is repeated."""

    step: int
    epoch: int


@dataclass(frozen=True)
class Divergence(Event):
    """The loss or the gradient of the coming `step`, in `epoch` (both from 1), is not finite: the training ends before that step."""

    step: int
    epoch: int
    quantity: Literal["loss", "gradient"]
    learning_rate: float


@dataclass(frozen=True)
class Candidate(Event):
    """One regularisation strength C tried for the linear head, scored on validation."""

    C: float
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    best: bool


@dataclass(frozen=True)
class Score(Event):
    """The scores of one split, as `results.json` holds them: counting these events tells how often test was scored."""

    split: str
    n: int
    accuracy: dict[str, float]
    macro_f1: dict[str, float]
    macro_f1_classes: dict[str, int]
    loss: float
    small: bool
