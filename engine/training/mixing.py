"""Training on mixtures: MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019), by torchvision."""

from collections.abc import Callable

import torch
from torchvision.transforms import v2

from engine.runs.config import Config

Mixer = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def mixer(config: Config, classes: int) -> Mixer:
    """A function from images (n, 3, side, side) and labels (n,) to the mixed images and their targets.

    The targets are the labels themselves without mixing, otherwise (n, classes) shares. Draws from torch's global generator.
    """
    if config.mixing == "none":
        return lambda images, labels: (images, labels)
    methods = {"mixup": v2.MixUp, "cutmix": v2.CutMix}
    selection = methods.values() if config.mixing == "both" else [methods[config.mixing]]
    return v2.RandomChoice([method(alpha=config.mixing_alpha, num_classes=classes) for method in selection])
