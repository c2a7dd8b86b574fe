"""Where the network looks on average over many images."""

from collections.abc import Sequence

import numpy as np

from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.inference.explain.cam import evidence
from engine.inference.explain.methods import DEFAULT
from engine.models.model import Model

_BATCH = 16


def average_maps(
    model: Model,
    squares: np.ndarray,
    classes: Sequence[int],
    method: str = DEFAULT,
    report: ReportProgress = ignore_progress,
) -> np.ndarray:
    """The mean map of images (n, size, size, 3) uint8 per class: (len(classes), size, size) float32, >= 0, in the method's unit.

    To compare maps, pass them together to `engine.inference.explain.cam.on_one_scale`: equal colours are then equal strengths.
    `report` receives the number of images done.
    """
    total = np.zeros((len(classes), *squares.shape[1:3]))
    for start in range(0, len(squares), _BATCH):
        total += evidence(model, squares[start : start + _BATCH], classes, method).sum(axis=0)
        report(Progress("averaging maps", min(start + _BATCH, len(squares)), len(squares)))
    return (total / max(len(squares), 1)).astype(np.float32)
