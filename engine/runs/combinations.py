"""Fields of a configuration that contradict each other."""

from collections.abc import Mapping
from typing import Any

from engine.core.errors import UserError
from engine.runs.pipelines import parse_pipeline

# Fields that request something of gradient descent, with the values that request nothing. With the linear method any other value
# would silently have no effect.
_NEUTRAL: Mapping[str, Any] = {
    "mixing": "none",
    "ema": 0.0,
    "unfreeze_epochs": 0,
    "train_size": 0,
    "initial_size": 0,
    "accumulate": 1,
}

_TWO_PIXELS = 64  # side of an image of which two by two pixels are left after five halvings


def check_combinations(values: Mapping[str, Any]) -> None:
    """Raises UserError that names two fields that contradict each other, and for an augmentation that cannot be read."""
    parse_pipeline(values["augmentation"])
    if values["method"] == "linear":
        _check_linear(values)
    if values["unfreeze_epochs"] and values["unfreeze_epochs"] >= values["epochs"]:
        raise UserError(
            f"unfreeze_epochs={values['unfreeze_epochs']} leaves no epoch that trains all layers, with epochs={values['epochs']}.",
            "Set unfreeze_epochs below epochs.",
        )
    _check_sizes(values)
    if values["accumulate"] > values["batch_size"]:
        raise UserError(
            f"accumulate={values['accumulate']} cannot divide batch_size={values['batch_size']} images.", "Set accumulate lower."
        )
    _check_single_images(values)


def _check_single_images(values: Mapping[str, Any]) -> None:
    """BatchNorm has no variance of one value: one image, whose last feature map is a single pixel (backbones halve the side five times)."""
    smallest = min(size for size in (values["image_size"], values["train_size"], values["initial_size"]) if size)
    if values["method"] == "finetune" and values["batch_size"] == 1 and smallest < _TWO_PIXELS:
        raise UserError(
            f"batch_size=1 cannot train on images of {smallest} pixels: too little is left of one image for BatchNorm.",
            f"Set batch_size to 2 or more, or images of at least {_TWO_PIXELS} pixels.",
        )


def _check_sizes(values: Mapping[str, Any]) -> None:
    if values["train_size"] and not 32 <= values["train_size"] <= values["image_size"]:
        raise UserError(
            f"train_size={values['train_size']} does not fit image_size={values['image_size']}.",
            "Set train_size to 0, or to at least 32 and at most image_size.",
        )
    field = "train_size" if values["train_size"] else "image_size"
    if values["initial_size"] and not 32 <= values["initial_size"] < values[field]:
        raise UserError(
            f"initial_size={values['initial_size']} does not grow to {field}={values[field]}.",
            f"Set initial_size to 0, or to at least 32 and less than {field}.",
        )


def _check_linear(values: Mapping[str, Any]) -> None:
    without_effect = [name for name, neutral in _NEUTRAL.items() if values[name] != neutral]
    if values["balance"] == "sampling":
        without_effect.append("balance")
    if without_effect:
        name = without_effect[0]
        raise UserError(
            f"{name}={values[name]} does nothing with method=linear, which trains no layer by gradient descent.",
            f"Set method=finetune, or leave {name} out.",
        )
