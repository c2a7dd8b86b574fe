"""The whole configuration of a run is one frozen dataclass.

The command line's `--set`, the Train page's form, `config.json` and the README's table derive from its fields.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from engine.core.errors import UserError
from engine.core.fields import config_field, parse_field
from engine.runs.combinations import check_combinations
from engine.runs.presets import PRESETS

# The choices of the fields, once for the type checker and for the form and the command line.
Views = Literal["one", "flip"]
Method = Literal["linear", "finetune"]
Optimiser = Literal["sgd", "adam", "adamw"]
Schedule = Literal["constant", "step", "cosine", "onecycle", "plateau"]
Mixing = Literal["none", "mixup", "cutmix", "both"]
Balance = Literal["none", "weights", "sampling"]
Precision = Literal["auto", "float32", "bf16", "fp16"]
Determinism = Literal["auto", "enforced"]
Device = Literal["auto", "cpu", "cuda", "mps"]

# The groups of the form, in its order; the fields of `Data` stand in the header.
GROUPS = ("Data", "Model", "Method", "Optimiser", "Schedule", "Regularisation", "Machine")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that, with the data's fingerprint, reproduces a run.

    `method="finetune"` marks a field that only gradient descent reads: the linear method has no use for it.
    """

    dataset: str = config_field("demo", "name of the registered dataset", group="Data")
    preset: str = config_field("fast", "the preset that this configuration started from", group="Data")

    model: str = config_field("efficientnet_lite0", "backbone: a registered name, timm:NAME or hf-hub:OWNER/NAME", group="Model")
    weights: str = config_field(
        "pretrained",
        "pretrained, none (from scratch), run:ID (a run's best model), or the path of a state-dict file",
        group="Model",
    )
    image_size: int = config_field(
        224, "side of the square that the network sees, in pixels", group="Model", minimum=32, maximum=1024
    )
    views: Views = config_field(
        "one",
        "views that evaluation and prediction average: one: the image alone; flip: the image and its mirror image (twice the time)",
        group="Model",
        choices=get_args(Views),
    )

    method: Method = config_field(
        "linear",
        "linear: frozen backbone and a linear head; finetune: gradient descent",
        group="Method",
        choices=get_args(Method),
    )
    trainable: float = config_field(
        1.0,
        "share of the backbone's layers that is trained, counted from the output",
        group="Method",
        method="finetune",
        minimum=0,
        maximum=1,
    )
    unfreeze_epochs: int = config_field(
        0,
        "epochs over which the trained share grows from the head alone to all of trainable (0: at once)",
        group="Method",
        method="finetune",
        minimum=0,
        maximum=1000,
    )
    augmentation: str = config_field(
        "standard",
        "augmentation pipeline: a name, or steps such as flip@0.5/crop:smallest=0.5",
        group="Method",
        method="finetune",
    )
    draws: int = config_field(
        0,
        "augmented versions to cache per image, which epochs take in turn; frozen layers run once per version (0: always new)",
        group="Method",
        method="finetune",
        minimum=0,
        maximum=1000,
    )
    train_size: int = config_field(
        0,
        "image size in training, if smaller than image_size in evaluation (0: the same)",
        group="Method",
        method="finetune",
        minimum=0,
        maximum=1024,
    )
    initial_size: int = config_field(
        0,
        "image size of the first epoch, from which it grows to that of training over half of the epochs (0: no growth)",
        group="Method",
        method="finetune",
        minimum=0,
        maximum=1024,
    )

    optimiser: Optimiser = config_field(
        "adamw",
        "sgd (with Nesterov's momentum), adam, or adamw (decoupled weight decay)",
        group="Optimiser",
        method="finetune",
        choices=get_args(Optimiser),
    )
    peak_lr: float = config_field(
        5e-4, "highest learning rate of the schedule", group="Optimiser", method="finetune", minimum=0.0, maximum=10.0
    )
    layer_decay: float = config_field(
        1.0,
        "factor on the learning rate from one block to the next towards the input (1: all layers alike)",
        group="Optimiser",
        method="finetune",
        minimum=0.1,
        maximum=1.0,
    )
    weight_decay: float = config_field(
        0.02,
        "weight decay of the weight matrices; norms and biases have none",
        group="Optimiser",
        method="finetune",
        minimum=0.0,
        maximum=1.0,
    )
    momentum: float = config_field(0.9, "momentum of sgd", group="Optimiser", method="finetune", minimum=0.0, maximum=0.999)
    clip_norm: float = config_field(
        0.0,
        "longest gradient norm; longer gradients are scaled down to it (0: no clipping)",
        group="Optimiser",
        method="finetune",
        minimum=0.0,
        maximum=1e3,
    )
    batch_size: int = config_field(32, "images per optimizer step", group="Optimiser", method="finetune", minimum=1, maximum=4096)
    accumulate: int = config_field(
        1,
        "parts into which a batch is split, computed one after the other: less memory, the same step",
        group="Optimiser",
        method="finetune",
        minimum=1,
        maximum=256,
    )

    epochs: int = config_field(5, "passes over the training images", group="Schedule", method="finetune", minimum=1, maximum=1000)
    schedule: Schedule = config_field(
        "cosine",
        "the learning rate after warm-up: constant, in steps, half a cosine to 0, one cycle, or lower at each plateau",
        group="Schedule",
        method="finetune",
        choices=get_args(Schedule),
    )
    warmup: float = config_field(
        0.1, "share of all steps with a rising learning rate", group="Schedule", method="finetune", minimum=0, maximum=1
    )
    lr_factor: float = config_field(
        0.1, "what step and plateau multiply the learning rate by", group="Schedule", method="finetune", minimum=0.0, maximum=1.0
    )
    lr_epochs: int = config_field(
        2,
        "epochs between two steps of step; epochs without a lower validation loss before plateau acts",
        group="Schedule",
        method="finetune",
        minimum=1,
        maximum=1000,
    )
    patience: int = config_field(
        3,
        "stop after this many epochs without a better validation macro F1 (0: never)",
        group="Schedule",
        method="finetune",
        minimum=0,
        maximum=1000,
    )

    label_smoothing: float = config_field(
        0.05,
        "share of the probability that is spread over the other classes",
        group="Regularisation",
        method="finetune",
        minimum=0,
        maximum=0.9,
    )
    mixing: Mixing = config_field(
        "none",
        "training on mixtures of two images: mixup blends them, cutmix pastes a rectangle, both alternates between the two",
        group="Regularisation",
        method="finetune",
        choices=get_args(Mixing),
    )
    mixing_alpha: float = config_field(
        0.2,
        "shares of a mixture follow Beta(alpha, alpha): near 0 one image dominates, at 1 every share is equally likely",
        group="Regularisation",
        method="finetune",
        minimum=0.01,
        maximum=10.0,
    )
    ema: float = config_field(
        0.0,
        "decay of the moving average of the weights; the averaged weights are evaluated and saved (0: none; 0.99 to 0.9999)",
        group="Regularisation",
        method="finetune",
        minimum=0.0,
        maximum=0.99999,
    )
    balance: Balance = config_field(
        "none",
        "rare classes: none: no correction; weights: their errors count more; sampling: drawn as often as the others (finetune)",
        group="Regularisation",
        choices=get_args(Balance),
    )

    precision: Precision = config_field(
        "auto",
        "number format for training; auto picks the fastest that the device supports",
        group="Machine",
        choices=get_args(Precision),
    )
    determinism: Determinism = config_field(
        "auto",
        "enforced: bitwise repeatable arithmetic, slower on a GPU; a CPU is repeatable anyway with the same number of threads",
        group="Machine",
        choices=get_args(Determinism),
    )
    device: Device = config_field("auto", "where to compute", group="Machine", choices=get_args(Device))
    workers: int = config_field(
        0,
        "processes that prepare batches in advance, useful with a GPU (0: none)",
        group="Machine",
        method="finetune",
        minimum=0,
        maximum=16,
    )
    seed: int = config_field(
        0, "seed of the image order, the augmentation and the new layers", group="Machine", minimum=0, maximum=2**31 - 1
    )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@functools.cache
def fields() -> Mapping[str, dataclasses.Field]:
    """The fields by name. Cached: a list of a thousand runs reads a thousand configurations."""
    return MappingProxyType({field.name: field for field in dataclasses.fields(Config)})


def configure(dataset: str, preset: str = "fast", **changes: Any) -> Config:
    """The preset's configuration with `changes`, checked. Raises UserError that names the field."""
    if preset not in PRESETS:
        raise UserError(f"There is no preset {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    return from_dict({"dataset": dataset, "preset": preset, **PRESETS[preset], **changes})


def from_dict(values: Mapping[str, Any]) -> Config:
    """The configuration with these values, the others at their defaults. Raises UserError that names the field, or the two."""
    config = Config(**{name: _checked(name, value) for name, value in values.items()})
    # Last: the rules about two fields compare values that each have their type and bounds.
    check_combinations(config.to_dict())
    return config


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """`["epochs=3", "model=resnet18"]` -> `{"epochs": 3, "model": "resnet18"}`, checked. Raises UserError."""
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"{setting!r} is not a valid setting.", "Write --set field=value, such as --set epochs=3.")
        values[name] = _checked(name, text)
    return values


def _checked(name: str, value: Any) -> Any:
    if name not in fields():
        raise UserError(f"There is no field {name!r}.", f"Choose one of: {', '.join(fields())}.")
    return parse_field(fields()[name], value)


def help_text(name: str) -> str:
    """The help of a field for a list of all fields, where nothing is hidden: it begins with the only method that reads the field."""
    metadata = fields()[name].metadata
    return f"{metadata['method']}: {metadata['help']}" if metadata["method"] else metadata["help"]
