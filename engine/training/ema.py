"""A moving average of the weights, which generalises better than the last step's (Polyak and Juditsky 1992)."""

import torch
from torch.optim.swa_utils import AveragedModel

from engine.models.network import Classifier

_WARMUP = 10  # steps after which the average may remember about as many steps


class MovingAverage(AveragedModel):
    """A copy of the network whose weights follow it: call `update_parameters(network)` after each step.

    The decay of step n is at most (1 + n) / (10 + n), so that a short training is not held back by the weights that it
    began with. BatchNorm's statistics are averaged as well: they belong to the weights.
    """

    def __init__(self, network: Classifier, decay: float) -> None:
        def follow(
            average: tuple[torch.Tensor, ...] | list[torch.Tensor],
            current: tuple[torch.Tensor, ...] | list[torch.Tensor],
            count: torch.Tensor | int,
        ) -> None:
            # torch calls this once per device and dtype. BatchNorm counts its batches in integers, of which there is no average.
            if not average[0].is_floating_point():
                torch._foreach_copy_(list(average), list(current))
                return
            n = int(count)
            torch._foreach_lerp_(list(average), list(current), 1 - min(decay, (1 + n) / (_WARMUP + n)))

        super().__init__(network, multi_avg_fn=follow, use_buffers=True)

    @property
    def network(self) -> Classifier:
        """The averaged network."""
        assert isinstance(self.module, Classifier)
        return self.module


def moving_average(network: Classifier, decay: float) -> MovingAverage | None:
    """A moving average of the network; None where the decay is 0."""
    return MovingAverage(network, decay) if decay else None
