"""Where the network looks on average over many pictures."""

from collections.abc import Sequence

import numpy as np

from engine.inference.explain.cam import Report, evidence
from engine.inference.explain.methods import DEFAULT
from engine.models.model import Model

_BATCH = 16


def average_map(model: Model, squares: np.ndarray, index: int, by: str = DEFAULT) -> np.ndarray:
    """The mean map of pictures (n, size, size, 3) uint8 for the class `index`: (size, size) float32, >= 0, in the method's unit."""
    return average_maps(model, squares, (index,), by)[0]


def average_maps(
    model: Model,
    squares: np.ndarray,
    classes: Sequence[int],
    by: str = DEFAULT,
    report: Report = lambda done, total: None,
) -> np.ndarray:
    """The mean map of pictures (n, size, size, 3) uint8 for each class: (len(classes), size, size) float32, >= 0.

    In the method's unit: show those that are compared by `engine.inference.explain.cam.on_one_scale`, together, and equal colours are
    equal strengths. `report` hears of the pictures done.
    """
    total = np.zeros((len(classes), *squares.shape[1:3]))
    for start in range(0, len(squares), _BATCH):
        total += evidence(model, squares[start : start + _BATCH], classes, by).sum(axis=0)
        report(min(start + _BATCH, len(squares)), len(squares))
    return (total / max(len(squares), 1)).astype(np.float32)
