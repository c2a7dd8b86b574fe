"""How the Train form's options differ from the preset or run that it starts from, stored in the address.

Each preset and run has its own changes, as in `set-balanced=epochs-7~peak_lr-0.002`: they survive a reload, another page and another
preset, and are shared with the address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.app import url_state
from dashboard.app.url_state import Parameter
from engine.core.address import Codec, Name, Record
from engine.core.errors import UserError
from engine.runs.config import Config, fields, parse_settings

_GENERATION = "train-form-generation"
_MAX_LENGTH = 5_000  # characters; this page never writes a longer address


@dataclass(frozen=True)
class Option:
    """The value of a field of the configuration: a string escaped, a number as Python writes it, which is exact."""

    name: str

    def encode(self, value: Any) -> str:
        return Name().encode(value) if isinstance(value, str) else repr(value)

    def decode(self, text: str) -> Any:
        is_text = isinstance(fields()[self.name].default, str)
        try:
            return parse_settings([f"{self.name}={Name().decode(text) if is_text else text}"])[self.name]
        except UserError as error:
            raise ValueError(text) from error


_GRAMMAR = Record({name: Option(name) for name in sorted(fields()) if fields()[name].metadata["group"] != "Data"}, joint="-")


def to_text(changes: Mapping[str, Any]) -> str:
    """Changes of options for an address, in characters that no browser escapes; empty where there are none."""
    return _GRAMMAR.encode(changes)


def from_text(text: str) -> tuple[dict[str, Any], list[str]]:
    """The changes that `to_text` wrote, and a sentence per part that could not be read."""
    if len(text) > _MAX_LENGTH:
        return {}, ["The options in the address are too long and were left out."]
    changes, unreadable = _GRAMMAR.decode(text)
    return changes, [f"The option {part[:60]!r} in the address was not understood and was left out." for part in unreadable]


def differences(values: Mapping[str, Any], base: Config) -> dict[str, Any]:
    """The values that differ from the base configuration."""
    before = base.to_dict()
    return {name: value for name, value in values.items() if value != before[name]}


def recall(base: str) -> tuple[dict[str, Any], list[str]]:
    """The changes to a preset or a run, by its name, and a sentence per part of the address that could not be read."""
    return from_text(url_state.recall(_parameter(base).name) or "")


def remember(base: str, changes: Mapping[str, Any]) -> None:
    """Store the changes to a preset or a run in the address."""
    _parameter(base).write(changes)


def change(base: str, name: str, value: Any) -> None:
    """Change one option, in a callback of something other than its widget."""
    remember(base, recall(base)[0] | {name: value})
    _replace_widgets()


def reset(base: str) -> None:
    """Drop the changes, in a callback."""
    _parameter(base).clear()
    _replace_widgets()


def _replace_widgets() -> None:
    """Let a new generation of widgets replace those that hold the old values."""
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1


def widget_key(base: str, name: str) -> str:
    """The key of a field's widget: a new one after another base, a change from elsewhere, a reset and a step back in the history."""
    generation = st.session_state.get(_GENERATION, 0) + url_state.adoptions()
    return f"{base}-{name}-{generation}" if generation else f"{base}-{name}"


def _parameter(base: str) -> Parameter[Mapping[str, Any]]:
    kind: Codec[Mapping[str, Any]] = Codec(to_text, lambda text: from_text(text)[0])
    return Parameter(f"set-{base}", kind, {})
