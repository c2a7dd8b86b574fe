"""Whether a file answers as the model does: pure functions over answers to the same pictures."""

from dataclasses import asdict, dataclass

import numpy as np

from engine.evaluation.metrics import Estimate, bootstrap_mean

TOLERANCE = 1e-3  # of a probability, between the file and the model in float32


@dataclass(frozen=True)
class Parity:
    """How far two sets of answers to the same n pictures are apart."""

    n: int
    same_top: int
    largest: float  # difference of a probability
    mean: float

    @property
    def same(self) -> bool:
        """Whether the file may be handed over as the model itself."""
        return self.n > 0 and self.same_top == self.n and self.largest <= TOLERANCE

    def to_dict(self) -> dict:
        return asdict(self)

    def __str__(self) -> str:
        return f"same first answer on {self.same_top:,} of {self.n:,} images, probabilities within {self.largest:.2g}"


def compare(found: np.ndarray, expected: np.ndarray) -> Parity:
    """(n, classes) probabilities twice. Of classes that share the highest probability each is a first answer."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return Parity(len(expected), 0, float("inf"), float("inf"))
    apart = np.abs(found.astype(np.float64) - expected)
    rows = np.arange(len(expected))
    top = expected[rows, found.argmax(axis=1)] >= expected.max(axis=1) - 1e-6
    return Parity(len(expected), int(top.sum()), float(apart.max(initial=0)), float(apart.mean()) if apart.size else 0.0)


def accuracy_cost(found: np.ndarray, expected: np.ndarray, true: np.ndarray) -> Estimate:
    """Accuracy lost by the file against the model on the same labelled pictures, with a paired 95% interval."""
    lost = (expected.argmax(axis=1) == true).astype(float) - (found.argmax(axis=1) == true)
    return bootstrap_mean(lost)
