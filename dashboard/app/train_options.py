"""What the Train form's options differ in from the preset, or from the run, that it begins with: kept in the address.

Each of them keeps its own changes, as `set-balanced=epochs-7~peak_lr-0.002`: they survive a reload, another page, another
preset, and travel with the address.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.app import url_state
from engine.core.errors import UserError
from engine.data.filters import escape, unescape
from engine.runs.config import Config, fields, parse_settings

_GENERATION = "train-form-generation"
_LONGEST = 5_000  # characters of an address: more is not one that this page wrote


def to_text(changes: Mapping[str, Any]) -> str:
    """The changes in characters that no browser escapes; empty where there is none."""
    return "~".join(f"{name}-{_value_text(value)}" for name, value in sorted(changes.items()))


def _value_text(value: Any) -> str:
    """A text escaped, a number as Python writes it: exactly."""
    return escape(value) if isinstance(value, str) else repr(value)


def from_text(text: str) -> tuple[dict[str, Any], list[str]]:
    """The changes that `to_text` wrote, and a sentence for each part that could not be understood."""
    if len(text) > _LONGEST:
        return {}, ["The options in the address are too long and were left out."]
    changes, ignored = {}, []
    for part in filter(None, text.split("~")):
        try:
            changes |= _change(part)
        except (UserError, ValueError):
            ignored.append(f"The option {part[:60]!r} in the address was not understood and was left out.")
    return changes, ignored


def _change(part: str) -> dict[str, Any]:
    name, _, value = part.partition("-")
    if name not in fields() or fields()[name].metadata["group"] == "Data":
        raise ValueError(name)
    return parse_settings([f"{name}={unescape(value) if isinstance(fields()[name].default, str) else value}"])


def differences(values: Mapping[str, Any], base: Config) -> dict[str, Any]:
    """The values that are not the base's."""
    before = base.to_dict()
    return {name: value for name, value in values.items() if value != before[name]}


def recall(base: str) -> tuple[dict[str, Any], list[str]]:
    """What was changed of a preset or a run, by its name; and a sentence for each part of the address that is no use."""
    return from_text(url_state.recall(_parameter(base)) or "")


def remember(base: str, changes: Mapping[str, Any]) -> None:
    if changes:
        url_state.remember(_parameter(base), to_text(changes))
    else:
        url_state.forget(_parameter(base))


def reset(base: str) -> None:
    """Drop the changes, in a callback. Widgets of a new generation replace those that hold the old values."""
    url_state.forget(_parameter(base))
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1


def widget_key(base: str, name: str) -> str:
    """The key of a field's widget: another base, a reset and a step back in the browser's history bring a new widget."""
    generation = st.session_state.get(_GENERATION, 0) + url_state.adoptions()
    return f"{base}-{name}-{generation}" if generation else f"{base}-{name}"


def _parameter(base: str) -> str:
    return f"set-{base}"
