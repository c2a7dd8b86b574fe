"""The whole configuration of a run is one frozen dataclass.

The command line's `--set`, the Train page's form, `config.json` and the README's table derive from its fields.
"""

import dataclasses
import functools
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import UserError


def option(
    default: Any,
    help: str,
    *,
    group: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A configuration field with what a person needs to set it: help with the unit, bounds or choices, and its group in the form."""
    metadata = {"help": help, "group": group, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


# The pipelines of `engine.augment`, which imports torch and is not imported here.
AUGMENTATIONS: Mapping[str, str] = {
    "none": "The pictures as they are.",
    "light": "Horizontal flip; up to 5 degrees of rotation, 5% of shift, 10% of scale.",
    "standard": "A random crop of half to all of the picture, flip, some brightness, contrast and saturation.",
    "strong": "A random crop of a third to all, flip, one random operation (TrivialAugment), random erasing.",
    "seed": "Each at 25%: flip; shift up to 5% with scale up to 15%; gamma 0.4 to 0.6; rotation up to 20 degrees; 1% of pixels dropped.",
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that, with the data's fingerprint, reproduces a run."""

    dataset: str = option("demo", "name of the registered dataset", group="Data")
    preset: str = option("fast", "the preset that this configuration started from", group="Data")

    model: str = option("efficientnet_lite0", "backbone: a registered name, timm:NAME or hf-hub:OWNER/NAME", group="Model")
    weights: str = option("pretrained", "pretrained, none (from scratch), or the path of a state-dict file", group="Model")
    image_size: int = option(224, "side of the square that the network sees, in pixels", group="Model", minimum=32, maximum=1024)

    method: str = option(
        "linear",
        "linear: frozen backbone and a linear head; finetune: gradient descent",
        group="Method",
        choices=("linear", "finetune"),
    )
    trainable: float = option(
        1.0,
        "finetune: share of the backbone's layers that is trained, counted from the output",
        group="Method",
        minimum=0,
        maximum=1,
    )
    augmentation: str = option("standard", "finetune: augmentation pipeline", group="Method", choices=tuple(AUGMENTATIONS))
    epochs: int = option(5, "finetune: passes over the training images", group="Schedule", minimum=1, maximum=1000)
    batch_size: int = option(32, "images a step", group="Schedule", minimum=1, maximum=4096)
    peak_lr: float = option(
        5e-4, "finetune: learning rate at the top of the schedule", group="Schedule", minimum=0.0, maximum=10.0
    )
    warmup: float = option(
        0.1, "finetune: share of all steps with a rising learning rate", group="Schedule", minimum=0, maximum=1
    )
    weight_decay: float = option(0.02, "finetune: AdamW's decoupled weight decay", group="Schedule", minimum=0.0, maximum=1.0)
    label_smoothing: float = option(
        0.05, "finetune: probability moved to the other classes", group="Schedule", minimum=0, maximum=0.9
    )
    patience: int = option(
        3,
        "finetune: stop after this many epochs without a better validation macro F1 (0: never)",
        group="Schedule",
        minimum=0,
        maximum=1000,
    )
    precision: str = option(
        "auto", "arithmetic; auto takes what the device gains from", group="Machine", choices=("auto", "float32", "bf16", "fp16")
    )
    device: str = option("auto", "where to compute", group="Machine", choices=("auto", "cpu", "cuda", "mps"))
    seed: int = option(
        0, "seeds the order of images, the augmentation and the new layers", group="Machine", minimum=0, maximum=2**31 - 1
    )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


# What each preset changes, and what it is for.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"method": "linear"},
    "balanced": {"method": "finetune", "image_size": 160, "trainable": 0.5, "epochs": 4, "augmentation": "standard"},
}
PRESET_HELP: Mapping[str, str] = {
    "fast": "Frozen backbone, one linear layer on its features. Minutes on a laptop.",
    "balanced": "The second half of the network fine-tuned at 160 pixels with augmentation. Some tens of minutes on a laptop.",
}


def fields() -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(Config)}


def configure(dataset: str, preset: str = "fast", **changes: Any) -> Config:
    """The preset's configuration with `changes`, checked. Raises UserError that names the field."""
    if preset not in PRESETS:
        raise UserError(f"There is no preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    return from_dict({"dataset": dataset, "preset": preset, **PRESETS[preset], **changes})


def from_dict(values: Mapping[str, Any]) -> Config:
    known = fields()
    for name in values:
        if name not in known:
            raise UserError(f"There is no field {name!r}.", f"Choose one of: {', '.join(known)}.")
    return Config(**{name: _checked(known[name], value) for name, value in values.items()})


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """`["epochs=3", "model=resnet18"]` -> `{"epochs": 3, "model": "resnet18"}`, checked. Raises UserError."""
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"{setting!r} is no setting.", "Write --set field=value, such as --set epochs=3.")
        if name not in fields():
            raise UserError(f"There is no field {name!r}.", f"Choose one of: {', '.join(fields())}.")
        values[name] = _checked(fields()[name], text)
    return values


@functools.cache
def _types() -> dict[str, type]:
    """Resolving the hints anew for each field of a thousand runs took over a second."""
    return typing.get_type_hints(Config)


def _checked(field: dataclasses.Field, value: Any) -> Any:
    kind = _types()[field.name]
    try:
        value = kind(value) if isinstance(value, str) or kind is float else value
    except (ValueError, TypeError):
        raise UserError(
            f"{field.name} is {value!r}, which is no {_KINDS[kind]}.", f"{field.name}: {field.metadata['help']}."
        ) from None
    if type(value) is not kind:
        raise UserError(f"{field.name} is {value!r}, which is no {_KINDS[kind]}.", f"{field.name}: {field.metadata['help']}.")
    choices, low, high = (field.metadata[key] for key in ("choices", "minimum", "maximum"))
    if choices and value not in choices:
        raise UserError(f"{field.name} cannot be {value!r}.", f"Choose one of: {', '.join(choices)}.")
    if kind is not str and not ((low is None or value >= low) and (high is None or value <= high)):
        raise UserError(
            f"{field.name} is {value}, outside its bounds.", f"It goes from {low:g} to {high:g}: {field.metadata['help']}."
        )
    return value


_KINDS = {int: "whole number", float: "number", str: "text"}
