"""A training that went out of bounds is ended before its weights are lost."""

import math

import torch

from engine.core.errors import UserError

_LEAST_SCALE = 2.0**-10  # float16 gradients that overflow even when scaled down this far


def check_finite(loss: float, norm: float, step: int, rate: float, scaler: torch.amp.GradScaler) -> None:
    """Raises UserError where the loss or the gradient's norm of the coming step is not finite.

    In float16 a gradient that overflows is no failure: the scaler leaves the step out and scales less.
    """
    if math.isfinite(loss) and (math.isfinite(norm) or (scaler.is_enabled() and scaler.get_scale() > _LEAST_SCALE)):
        return
    what = f"The loss is {loss}" if not math.isfinite(loss) else "The gradient is not finite"
    raise UserError(
        f"{what} at step {step}, with a learning rate of {rate:.2g}.",
        "Start again with a smaller peak_lr, or with clip_norm=1; the checkpoints so far are intact.",
    )
