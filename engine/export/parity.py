"""The parity check: whether an exported file predicts as the model does. Pure functions over predictions on the same images."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from engine.core.estimate import Estimate
from engine.evaluation.metrics import bootstrap_mean

TOLERANCE = 1e-3  # largest allowed difference of a probability between the file and the model in float32
_TIE = 1e-6  # classes whose probabilities are this close share the top place: rounding decides which one comes first


@dataclass(frozen=True)
class Parity:
    """How far apart two sets of predictions on the same n images are.

    `same_top`: images with the same top class. `largest`, `mean`: absolute difference of a probability.
    """

    n: int
    same_top: int
    largest: float
    mean: float

    @property
    def same(self) -> bool:
        """Whether the file may be exported as the model itself."""
        return self.n > 0 and self.same_top == self.n and self.largest <= TOLERANCE

    def to_dict(self) -> "ParityDocument":
        return {"n": self.n, "same_top": self.same_top, "largest": self.largest, "mean": self.mean}

    def __str__(self) -> str:
        return f"same top class on {self.same_top:,} of {self.n:,} images, probabilities within {self.largest:.2g}"


class ParityDocument(TypedDict):
    """A `Parity` for programs."""

    n: int
    same_top: int
    largest: float
    mean: float


def compare(probabilities: np.ndarray, expected: np.ndarray) -> Parity:
    """The parity of (n, classes) probabilities with the expected ones. Among classes that share the highest probability, any is the top."""
    if probabilities.shape != expected.shape or not np.isfinite(probabilities).all():
        return Parity(n=len(expected), same_top=0, largest=float("inf"), mean=float("inf"))
    gaps = np.abs(probabilities.astype(np.float64) - expected)
    rows = np.arange(len(expected))
    top = expected[rows, probabilities.argmax(axis=1)] >= expected.max(axis=1) - _TIE
    return Parity(
        n=len(expected),
        same_top=int(top.sum()),
        largest=float(gaps.max(initial=0)),
        mean=float(gaps.mean()) if gaps.size else 0.0,
    )


def accuracy_cost(probabilities: np.ndarray, expected: np.ndarray, true: np.ndarray) -> Estimate:
    """The accuracy that the file loses against the model on the same labelled images, with a paired 95% interval."""
    lost = (expected.argmax(axis=1) == true).astype(float) - (probabilities.argmax(axis=1) == true)
    return bootstrap_mean(lost)
