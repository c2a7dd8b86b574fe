"""Which fields of a configuration have no effect, given the values of the others: a form hides them."""

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
    """The names of the fields that have no effect. `values`: fields and their values; what is missing has its default."""
    complete = Config().to_dict() | dict(values)
    names = {name for name, (other, acting) in _NEEDS.items() if complete[other] not in acting}
    names |= {name for name, field in fields().items() if field.metadata["method"] not in (None, complete["method"])}
    return frozenset(names)


def reset_inactive_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with inactive fields at their defaults: a form hides them, so a run must not carry them along unseen."""
    defaults, inactive = Config().to_dict(), inactive_fields(values)
    return {name: defaults[name] if name in inactive else value for name, value in values.items()}
