"""Which fields of a configuration do nothing with the others as they are: a form hides them."""

from collections.abc import Mapping
from typing import Any

from engine.runs.config import Config, fields

# A field acts only where another has one of these values.
_NEEDS: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "momentum": ("optimiser", ("sgd",)),
    "lr_factor": ("schedule", ("step", "plateau")),
    "lr_epochs": ("schedule", ("step", "plateau")),
    "mixing_alpha": ("mixing", ("mixup", "cutmix", "both")),
}


def inactive_fields(values: Mapping[str, Any]) -> frozenset[str]:
    """The names of the fields that act nowhere. `values`: fields and their values; what is missing has its default.

    The help of a field that only gradient descent looks at begins with "finetune:" (see `engine.runs.config.Config`).
    """
    said = Config().to_dict() | dict(values)
    result = {name for name, (other, acting) in _NEEDS.items() if said[other] not in acting}
    if said["method"] == "linear":
        result |= {name for name, field in fields().items() if field.metadata["help"].startswith("finetune:")} | {"batch_size"}
    return frozenset(result)


def reset_inactive_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those of idle fields at their defaults: what nobody can see in the form says nothing in the run."""
    default, idle = Config().to_dict(), inactive_fields(values)
    return {name: default[name] if name in idle else value for name, value in values.items()}
