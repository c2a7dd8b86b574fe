"""Fields of a configuration: each knows its help, bounds and choices, and rejects invalid values."""

import dataclasses
from typing import Any

from engine.core.errors import UserError

_KINDS = {int: "whole number", float: "number", str: "text"}


def config_field(
    default: Any,
    help: str,
    *,
    group: str,
    method: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A configuration field with what a person needs to set it: help with the unit, bounds or choices, and its group in the form.

    method: the only training method that reads the field; None where every method does.
    """
    metadata = {"help": help, "group": group, "method": method, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def parse_field(field: dataclasses.Field, value: Any) -> Any:
    """The value, converted from text where necessary to the type of the field's default. Raises UserError for an invalid one."""
    kind = type(field.default)
    try:
        # A float field takes whole numbers as well.
        value = kind(value) if isinstance(value, str) or kind is float else value
    except (ValueError, TypeError):
        raise _wrong_type(field, kind, value) from None
    if type(value) is not kind:
        raise _wrong_type(field, kind, value)
    choices, low, high = (field.metadata[key] for key in ("choices", "minimum", "maximum"))
    if choices and value not in choices:
        raise UserError(f"{field.name} cannot be {value!r}.", f"Choose one of: {', '.join(choices)}.")
    # Negated, so that NaN, which no comparison accepts, is out of bounds, too.
    if kind is not str and not ((low is None or value >= low) and (high is None or value <= high)):
        raise UserError(
            f"{field.name} is {value}, which is out of bounds.",
            f"It must be between {low:g} and {high:g}: {field.metadata['help']}.",
        )
    return value


def _wrong_type(field: dataclasses.Field, kind: type, value: Any) -> UserError:
    return UserError(f"{field.name} is {value!r}, which is not a {_KINDS[kind]}.", f"{field.name}: {field.metadata['help']}.")
