"""What a training tells: small records that become lines of `events.jsonl`."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    def to_event(self) -> dict[str, Any]:
        return {"kind": type(self).__name__.lower(), **asdict(self)}


@dataclass(frozen=True)
class Message(Event):
    """A sentence for the person who reads the run."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Progress(Event):
    """`done` of `total` units of the current state; `rate` in units a second. Goes to `status.json` only."""

    detail: str
    done: int
    total: int
    rate: float = 0.0


@dataclass(frozen=True)
class Step(Event):
    """One step of the optimiser. `loss` is that of the batch, `rate` in images/s."""

    step: int
    epoch: int
    loss: float
    learning_rate: float
    rate: float


@dataclass(frozen=True)
class Epoch(Event):
    """One pass over the training images and its validation; `step` is the number of steps so far, `best` so far included.

    `learning_rate` is that of the epoch's last step, `validation_recall` that of each class (None without images),
    `waiting` the share of the time that training waited for its batches, `memory` in bytes.
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
class Candidate(Event):
    """One regularisation strength that was tried for the linear head, scored on validation."""

    C: float
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    best: bool
