"""A moving average of the weights, which generalises better than the last step's (Polyak and Juditsky 1992)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

_WARMING = 10  # steps after which the average is allowed a memory of about as many steps


def moving_average(network: nn.Module, decay: float) -> AveragedModel | None:
    """A copy of the network that follows it: `update_parameters(network)` after each step. None without a decay.

    The decay of step n is at most (1 + n) / (10 + n), so that a short training is not held back by the weights that it
    began with. BatchNorm's statistics are averaged as well: they belong to the weights.
    """
    if not decay:
        return None

    def follow(average: Sequence[torch.Tensor], current: Sequence[torch.Tensor], count: torch.Tensor) -> None:
        if not average[0].is_floating_point():
            torch._foreach_copy_(list(average), list(current))
            return
        n = int(count)
        torch._foreach_lerp_(list(average), list(current), 1 - min(decay, (1 + n) / (_WARMING + n)))

    return AveragedModel(network, multi_avg_fn=follow, use_buffers=True)
