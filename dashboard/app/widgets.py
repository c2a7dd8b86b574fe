"""Widgets that show a value which is stored elsewhere, and panels whose widgets exist only while they are open."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

VISIT = "page-visit"  # counts the pages that the person visited: a widget with the same key is a new one on each
_SHOWN = "widgets-shown"


class Panel(Protocol):
    """A popover or an expander: `with panel:` draws into it, `open` says whether the person sees it."""

    @property
    def open(self) -> bool | None: ...
    def __enter__(self) -> object: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool | None: ...


def show_value(key: str, value: object, labels: Sequence[str] = ()) -> None:
    """Let the widget `key` show `value` when it is drawn next. `labels`: its options' labels, which may differ from run to run.

    Each assignment makes the browser replace what it shows, and a second click, or letters typed while the page is drawn, would be
    lost. So the value is assigned only where the browser shows another one, gets other options, or is on another page.
    """
    shown: dict[str, object] = st.session_state.setdefault(_SHOWN, {})
    look = (st.session_state.get(VISIT), hash(tuple(labels)))
    if key not in st.session_state or st.session_state[key] != value or shown.get(key) != look:
        st.session_state[key] = value
    shown[key] = look


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
