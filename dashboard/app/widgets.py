"""Widgets that show a value which is stored elsewhere, and panels whose widgets exist only while they are open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

VISIT = "page-visit"  # counts the pages that the person visited: a widget with the same key is a new one on each
_BINDINGS = "widget-bindings"


@dataclass
class Binding:
    """The key to draw a widget with, and its `initial` value, which stays the same as long as the key does."""

    key: str
    initial: Any
    count: int  # of the keys before this one
    look: tuple[object, int]  # the visit to the page and the options' labels with which it was drawn

    def __post_init__(self) -> None:
        self._last = self.initial

    def on_change(self, store: Callable[[Any], object]) -> Callable[[], None]:
        """The callback to draw the widget with: it calls `store` with the widget's value, once per value that a person chooses.

        Streamlit also calls it for a widget that is no longer on the page, with the value that a late message repeats.
        """

        def handle_change() -> None:
            value = st.session_state.get(self.key, self._last)
            if value != self._last:
                self._last = value
                store(value)

        return handle_change


class Panel(Protocol):
    """A popover or an expander: `with panel:` draws into it, `open` says whether the person sees it."""

    @property
    def open(self) -> bool | None: ...
    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool | None: ...


def bind_value(name: str, value: Any, labels: Sequence[str] = ()) -> Binding:
    """Let a widget show `value`, which is stored elsewhere: what to draw it with.

    `labels`: its options' labels, which may differ from run to run. Where the browser shows another value, the widget gets a new key,
    and is mounted again with the value as its initial one. Assigning to `st.session_state` instead loses clicks (Streamlit 1.64):

    - A message that the browser sent before it received the new value still carries the old one. Streamlit takes that for a choice of
      the person, and `on_change` undoes what they did elsewhere: a condition removed by its chip comes back with the next click.
    - Where a click interrupts the run that assigned the value, the message with it may never be sent, and the next run believes it was.

    A new key on each run would lose clicks too: those on the widget that is being replaced, and letters typed meanwhile.
    """
    bindings: dict[str, Binding] = st.session_state.setdefault(_BINDINGS, {})
    look = (st.session_state.get(VISIT), hash(tuple(labels)))
    before = bindings.get(name)
    if before and before.look == look and before.key in st.session_state and st.session_state[before.key] == value:
        return before
    count = before.count + 1 if before else 0
    bindings[name] = Binding(f"{name}-{count}" if count else name, value, count, look)
    return bindings[name]


def bound_value(name: str) -> Any:
    """What the widget that `bind_value` bound under this name shows; None where it is not on the page."""
    binding = st.session_state.get(_BINDINGS, {}).get(name)
    return st.session_state.get(binding.key) if binding else None


def initial_value(key: str, value: object) -> Any:
    """The first `value` that this session passed for `key`: for a `default` or `expanded`, since a change of either resets the widget."""
    return st.session_state.setdefault(f"{key}-at-first", value)


def popover(label: str, key: str, place: DeltaGenerator | None = None, **settings: Any) -> Panel:
    """A popover whose content is drawn only while it is open: `if (panel := popover(...)).open:`, then `with panel:`.

    The browser removes the widgets of a closed popover from the page, but sends their old values again with the next click,
    wherever that is, which would undo a value that was cleared or set elsewhere in the meantime (seen in Streamlit 1.64). A widget
    that is not drawn has no value to send.
    """
    return _panel((place or st).popover, label, key, settings)


def expander(label: str, key: str, place: DeltaGenerator | None = None, **settings: Any) -> Panel:
    """An expander whose content is drawn only while it is open, for the reason that `popover` gives."""
    return _panel((place or st).expander, label, key, settings)


def _panel(draw: Callable[..., Panel], label: str, key: str, settings: Mapping[str, Any]) -> Panel:
    # To Streamlit another label is another widget, which would close in front of the person whose choice changed the label. An
    # assignment to itself carries the open state over.
    before = f"{key}-label"
    if st.session_state.get(before, label) != label and key in st.session_state:
        st.session_state[key] = st.session_state[key]
    st.session_state[before] = label
    return draw(label, key=key, on_change="rerun", **settings)
