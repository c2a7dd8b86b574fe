"""A training that diverges ends before its weights are lost."""

import math
from typing import TYPE_CHECKING

from engine.core.errors import UserError
from engine.runs.events import Divergence

if TYPE_CHECKING:
    import torch  # at runtime the worker imports this module while its run still waits in the queue

_LEAST_SCALE = 2.0**-10  # float16 gradients that overflow even when scaled down this far


class DivergenceError(UserError):
    """Ends the run; `event` is what the events file records of it."""

    def __init__(self, event: Divergence, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.event = event


def check_finite(
    loss: float, gradient_norm: float, scaler: "torch.amp.GradScaler", *, step: int, epoch: int, learning_rate: float
) -> None:
    """Raises DivergenceError where the loss or the gradient's norm of the coming step is not finite. `step`, `epoch`: from 1.

    In float16 a gradient that overflows is not a failure: the scaler skips the step and lowers its scale.
    """
    scale_falls = scaler.is_enabled() and scaler.get_scale() > _LEAST_SCALE
    if not math.isfinite(loss):
        quantity, finding = "loss", f"The loss is {loss}"
    elif not math.isfinite(gradient_norm) and not scale_falls:
        quantity, finding = "gradient", "The gradient is not finite"
    else:
        return
    raise DivergenceError(
        Divergence(step, epoch, quantity, learning_rate),
        f"{finding} at step {step}, with a learning rate of {learning_rate:.2g}.",
        "Start again with a smaller peak_lr, or with clip_norm=1; the checkpoints so far are intact.",
    )
