"""The whole configuration of a run is one frozen dataclass.

The command line's `--set`, the Train page's form, `config.json` and the README's table derive from its fields.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from engine.core.errors import UserError
from engine.core.fields import checked, option
from engine.runs.combinations import check_together

# The groups of the form, in its order; the fields of `Data` stand in the header.
GROUPS = ("Data", "Model", "Method", "Optimiser", "Schedule", "Regularisation", "Machine")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that, with the data's fingerprint, reproduces a run. "finetune:" marks what the linear method has no use for."""

    dataset: str = option("demo", "name of the registered dataset", group="Data")
    preset: str = option("fast", "the preset that this configuration started from", group="Data")

    model: str = option("efficientnet_lite0", "backbone: a registered name, timm:NAME or hf-hub:OWNER/NAME", group="Model")
    weights: str = option(
        "pretrained",
        "pretrained, none (from scratch), run:ID (a run's best model), or the path of a state-dict file",
        group="Model",
    )
    image_size: int = option(224, "side of the square that the network sees, in pixels", group="Model", minimum=32, maximum=1024)
    views: str = option(
        "one",
        "views that evaluation and prediction average: one: the image alone; flip: the image and its mirror image (twice the time)",
        group="Model",
        choices=("one", "flip"),
    )

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
    unfreeze_epochs: int = option(
        0,
        "finetune: epochs over which the trained share grows from the head alone to all of trainable (0: at once)",
        group="Method",
        minimum=0,
        maximum=1000,
    )
    augmentation: str = option(
        "standard", "finetune: augmentation pipeline: a name, or steps such as flip@0.5/crop:smallest=0.5", group="Method"
    )
    draws: int = option(
        0,
        "finetune: augmented versions to cache per image, which epochs take in turn; frozen layers run once per version (0: always new)",
        group="Method",
        minimum=0,
        maximum=1000,
    )
    train_size: int = option(
        0,
        "finetune: image size in training, if smaller than image_size in evaluation (0: the same)",
        group="Method",
        minimum=0,
        maximum=1024,
    )
    initial_size: int = option(
        0,
        "finetune: image size of the first epoch, from which it grows to that of training over half of the epochs (0: no growth)",
        group="Method",
        minimum=0,
        maximum=1024,
    )

    optimiser: str = option(
        "adamw",
        "finetune: sgd (with Nesterov's momentum), adam, or adamw (decoupled weight decay)",
        group="Optimiser",
        choices=("sgd", "adam", "adamw"),
    )
    peak_lr: float = option(5e-4, "finetune: highest learning rate of the schedule", group="Optimiser", minimum=0.0, maximum=10.0)
    layer_decay: float = option(
        1.0,
        "finetune: factor on the learning rate from one block to the next towards the input (1: all layers alike)",
        group="Optimiser",
        minimum=0.1,
        maximum=1.0,
    )
    weight_decay: float = option(
        0.02,
        "finetune: weight decay of the weight matrices; norms and biases have none",
        group="Optimiser",
        minimum=0.0,
        maximum=1.0,
    )
    momentum: float = option(0.9, "finetune: momentum of sgd", group="Optimiser", minimum=0.0, maximum=0.999)
    clip_norm: float = option(
        0.0,
        "finetune: longest gradient norm; longer gradients are scaled down to it (0: no clipping)",
        group="Optimiser",
        minimum=0.0,
        maximum=1e3,
    )
    batch_size: int = option(32, "images per optimizer step", group="Optimiser", minimum=1, maximum=4096)
    accumulate: int = option(
        1,
        "finetune: parts into which a batch is split, computed one after the other: less memory, the same step",
        group="Optimiser",
        minimum=1,
        maximum=256,
    )

    epochs: int = option(5, "finetune: passes over the training images", group="Schedule", minimum=1, maximum=1000)
    schedule: str = option(
        "cosine",
        "finetune: the learning rate after warm-up: constant, in steps, half a cosine to 0, one cycle, or lower at each plateau",
        group="Schedule",
        choices=("constant", "step", "cosine", "onecycle", "plateau"),
    )
    warmup: float = option(
        0.1, "finetune: share of all steps with a rising learning rate", group="Schedule", minimum=0, maximum=1
    )
    lr_factor: float = option(
        0.1, "finetune: what step and plateau multiply the learning rate by", group="Schedule", minimum=0.0, maximum=1.0
    )
    lr_epochs: int = option(
        2,
        "finetune: epochs between two steps of step; epochs without a lower validation loss before plateau acts",
        group="Schedule",
        minimum=1,
        maximum=1000,
    )
    patience: int = option(
        3,
        "finetune: stop after this many epochs without a better validation macro F1 (0: never)",
        group="Schedule",
        minimum=0,
        maximum=1000,
    )

    label_smoothing: float = option(
        0.05,
        "finetune: share of the probability that is spread over the other classes",
        group="Regularisation",
        minimum=0,
        maximum=0.9,
    )
    mixing: str = option(
        "none",
        "finetune: training on mixtures of two images: mixup blends them, cutmix pastes a rectangle, both alternates between the two",
        group="Regularisation",
        choices=("none", "mixup", "cutmix", "both"),
    )
    mixing_alpha: float = option(
        0.2,
        "finetune: shares of a mixture follow Beta(alpha, alpha): near 0 one image dominates, at 1 every share is equally likely",
        group="Regularisation",
        minimum=0.01,
        maximum=10.0,
    )
    ema: float = option(
        0.0,
        "finetune: decay of the moving average of the weights; the averaged weights are evaluated and saved (0: none; 0.99 to 0.9999)",
        group="Regularisation",
        minimum=0.0,
        maximum=0.99999,
    )
    balance: str = option(
        "none",
        "rare classes: none: no correction; weights: their errors count more; sampling: drawn as often as the others (finetune)",
        group="Regularisation",
        choices=("none", "weights", "sampling"),
    )

    precision: str = option(
        "auto",
        "number format for training; auto picks the fastest that the device supports",
        group="Machine",
        choices=("auto", "float32", "bf16", "fp16"),
    )
    determinism: str = option(
        "auto",
        "enforced: bitwise repeatable arithmetic, slower on a GPU; a CPU is repeatable anyway with the same number of threads",
        group="Machine",
        choices=("auto", "enforced"),
    )
    device: str = option("auto", "where to compute", group="Machine", choices=("auto", "cpu", "cuda", "mps"))
    workers: int = option(
        0,
        "finetune: processes that prepare batches in advance, useful with a GPU (0: none)",
        group="Machine",
        minimum=0,
        maximum=16,
    )
    seed: int = option(
        0, "seed of the image order, the augmentation and the new layers", group="Machine", minimum=0, maximum=2**31 - 1
    )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


# What each preset changes, and what it is for.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"method": "linear"},
    "balanced": {
        "method": "finetune", "image_size": 192, "trainable": 0.51, "draws": 4, "epochs": 8, "patience": 0, "schedule": "onecycle",
        "warmup": 0.2, "ema": 0.99, "views": "flip",
    },
    "best": {
        "method": "finetune", "image_size": 288, "train_size": 224, "trainable": 0.8, "epochs": 6, "patience": 0,
        "schedule": "onecycle", "warmup": 0.2, "layer_decay": 0.9, "ema": 0.995, "views": "flip",
    },
    "seed": {
        "method": "finetune", "model": "resnet50", "optimiser": "adam", "peak_lr": 1e-5, "weight_decay": 1e-4, "schedule": "constant",
        "warmup": 0.0, "epochs": 30, "patience": 5, "label_smoothing": 0.0, "augmentation": "seed",
    },
}  # fmt: skip
PRESET_HELP: Mapping[str, str] = {
    "fast": "Frozen backbone, one linear layer on its features. Minutes on a laptop.",
    "balanced": "Fine-tunes the second half of the network at 192 pixels; the frozen layers' output is cached. Minutes on a laptop.",
    "best": "Fine-tunes the last four fifths of the layers with averaged weights; evaluated at a larger size. Half an hour on a laptop.",
    "seed": "The recipe of the project that Scenescope replaces: ResNet-50, Adam at 1e-5, up to 30 epochs. A day on a laptop.",
}


@functools.cache
def fields() -> Mapping[str, dataclasses.Field]:
    """The fields by name. Asked once: a list of a thousand runs reads a thousand configurations."""
    return MappingProxyType({field.name: field for field in dataclasses.fields(Config)})


def configure(dataset: str, preset: str = "fast", **changes: Any) -> Config:
    """The preset's configuration with `changes`, checked. Raises UserError that names the field."""
    if preset not in PRESETS:
        raise UserError(f"There is no preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    return from_dict({"dataset": dataset, "preset": preset, **PRESETS[preset], **changes})


def from_dict(values: Mapping[str, Any]) -> Config:
    """The configuration with these values, the others at their defaults. Raises UserError that names the field, or the two."""
    for name in values:
        if name not in fields():
            raise UserError(f"There is no field {name!r}.", f"Choose one of: {', '.join(fields())}.")
    config = Config(**{name: _checked(name, value) for name, value in values.items()})
    check_together(config.to_dict())
    return config


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """`["epochs=3", "model=resnet18"]` -> `{"epochs": 3, "model": "resnet18"}`, checked. Raises UserError."""
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"{setting!r} is not a valid setting.", "Write --set field=value, such as --set epochs=3.")
        if name not in fields():
            raise UserError(f"There is no field {name!r}.", f"Choose one of: {', '.join(fields())}.")
        values[name] = _checked(name, text)
    return values


def _checked(name: str, value: Any) -> Any:
    return checked(fields()[name], value)
