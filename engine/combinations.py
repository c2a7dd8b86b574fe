"""Fields of a configuration that contradict each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.pipelines import parse

if TYPE_CHECKING:
    from engine.config import Config

# What only gradient descent can do, at the values that ask for nothing: with the linear method the rest is a promise not kept.
_GRADIENT_DESCENT: Mapping[str, Any] = {
    "mixing": "none",
    "ema": 0.0,
    "unfreeze_epochs": 0,
    "train_size": 0,
    "initial_size": 0,
    "accumulate": 1,
}

_TWO_PIXELS = 64  # pixels of an image of which two by two are left after five halvings


def check_together(config: "Config") -> None:
    """Raises UserError that names two fields that contradict each other."""
    parse(config.augmentation)
    if config.method == "linear":
        _check_linear(config)
    if config.unfreeze_epochs and config.unfreeze_epochs >= config.epochs:
        raise UserError(
            f"unfreeze_epochs={config.unfreeze_epochs} leaves no epoch that trains all, with epochs={config.epochs}.",
            "Set unfreeze_epochs below epochs.",
        )
    _check_sizes(config)
    if config.accumulate > config.batch_size:
        raise UserError(
            f"accumulate={config.accumulate} cannot divide batch_size={config.batch_size} images.", "Set accumulate lower."
        )
    _check_single_images(config)


def _check_single_images(config: "Config") -> None:
    """BatchNorm has no variance of one value: one image, whose last feature map is a single pixel (backbones halve the side five times)."""
    smallest = min(size for size in (config.image_size, config.train_size, config.initial_size) if size)
    if config.method == "finetune" and config.batch_size == 1 and smallest < _TWO_PIXELS:
        raise UserError(
            f"batch_size=1 cannot train on images of {smallest} pixels: too little is left of one image for BatchNorm.",
            f"Set batch_size to 2 or more, or images of at least {_TWO_PIXELS} pixels.",
        )


def _check_sizes(config: "Config") -> None:
    if config.train_size and not 32 <= config.train_size <= config.image_size:
        raise UserError(
            f"train_size={config.train_size} does not fit image_size={config.image_size}.",
            "Set train_size to 0, or to at least 32 and at most image_size.",
        )
    full, of = (config.train_size, "train_size") if config.train_size else (config.image_size, "image_size")
    if config.initial_size and not 32 <= config.initial_size < full:
        raise UserError(
            f"initial_size={config.initial_size} does not grow to {of}={full}.",
            f"Set initial_size to 0, or to at least 32 and less than {of}.",
        )


def _check_linear(config: "Config") -> None:
    asked = [name for name, idle in _GRADIENT_DESCENT.items() if getattr(config, name) != idle]
    asked += ["balance"] if config.balance == "sampling" else []
    if asked:
        raise UserError(
            f"{asked[0]}={getattr(config, asked[0])} does nothing with method=linear, which trains no layer by gradient descent.",
            f"Set method=finetune, or leave {asked[0]} out.",
        )
