"""Optimisers, and the groups of parameters that share a learning rate and a weight decay."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from engine.models.network import Classifier
from engine.runs.config import Config

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def build_optimiser(network: Classifier, config: Config) -> torch.optim.Optimizer:
    """The optimiser of the parameters that take gradients, in `groups`."""
    parts = parameter_groups(network, config)
    if config.optimiser == "sgd":
        # Without momentum Nesterov's method is plain gradient descent, and torch refuses nesterov=True.
        return torch.optim.SGD(parts, lr=config.peak_lr, momentum=config.momentum, nesterov=config.momentum > 0)
    method = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    # Fused: one pass over each tensor instead of six. Not for SGD: that of torch 2.14 fails where a layer begins to learn
    # later than others.
    return method(parts, lr=config.peak_lr, fused=True)


def parameter_groups(network: Classifier, config: Config) -> list[dict[str, Any]]:
    """Parameters by depth and kind, each group with its `weight_decay` and its `lr_scale`, the share of the learning rate.

    The head learns at 1, a block `layer_decay` times as fast as the next one (Howard and Ruder 2018; Clark et al. 2020).
    Only tensors of two or more dimensions decay: a norm's scale and a bias do not multiply inputs that others rescale, so
    shrinking them changes the function and regularises nothing (He et al. 2019, "Bag of tricks").
    """
    depths = block_numbers(network.trunk)
    head = max(depths.values(), default=0) + 1
    parts: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            depth = depths[name.removeprefix("trunk.")] if name.startswith("trunk.") else head
            parts.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr_scale": config.layer_decay ** (head - depth),
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (depth, decays), parameters in parts.items()
    ]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of each group to its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def block_numbers(trunk: nn.Module) -> dict[str, int]:
    """The block that each parameter belongs to, by its name: 0 for the stem, then 1, 2, ... towards the output.

    A block is a member of a sequence of modules (ResNet's `layer1.0`, EfficientNet's `blocks.2.1`, ViT's `encoder_layer_3`);
    what stands between two blocks or after the last belongs to the block before it.
    """
    names = list(_blocks(trunk, ""))
    # A member with one layer (a lone convolution or norm in a stem or between stages) is no block of its own.
    names = [name for name in names if sum(1 for _ in trunk.get_submodule(name).parameters()) > 2]
    numbers, current = {}, 0
    for parameter, _ in trunk.named_parameters():
        current = next((i for i, name in enumerate(names, start=1) if parameter.startswith(f"{name}.")), current)
        numbers[parameter] = current
    # A stem that is a member itself leaves no parameter before the first block.
    in_use = {number: i for i, number in enumerate(dict.fromkeys(numbers.values()))}
    return {parameter: in_use[number] for parameter, number in numbers.items()}


def _blocks(module: nn.Module, prefix: str) -> Iterator[str]:
    """The paths of the members of sequences, sequences of sequences opened."""
    for name, child in module.named_children():
        if type(module) in _CONTAINERS and type(child) not in _CONTAINERS:
            yield f"{prefix}{name}"
        else:
            yield from _blocks(child, f"{prefix}{name}.")
