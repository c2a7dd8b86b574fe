"""Widgets that show a value which is kept elsewhere, and panels whose widgets exist only while they are open."""

from collections.abc import Sequence
from typing import Any, Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

VISIT = "page-visit"  # counts the pages that the person came to: a widget of the same key is a new one on each
_SHOWN = "widgets-shown"


class Panel(Protocol):
    """A popover or an expander: `with panel:` draws into it, `open` says whether the person sees it."""

    open: bool | None

    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> bool | None: ...


def show_value(key: str, value: object, labels: Sequence[str] = ()) -> None:
    """Let the widget `key` show `value` when it is drawn next. `labels`: of its options, which may differ from run to run.

    Each assignment makes the browser replace what it shows: a second click, or letters typed while the page is drawn, would be
    lost. So it is made only where the browser shows something else, or is told of other options, or the page is another.
    """
    shown: dict[str, object] = st.session_state.setdefault(_SHOWN, {})
    face = (st.session_state.get(VISIT), hash(tuple(labels)))
    if key not in st.session_state or st.session_state[key] != value or shown.get(key) != face:
        st.session_state[key] = value
    shown[key] = face


def initial_value(key: str, value: object) -> Any:
    """What `value` was when `key` was asked for first in this session: for a `default` or `expanded`, which Streamlit resets when it moves."""
    return st.session_state.setdefault(f"{key}-at-first", value)


def popover(label: str, key: str, place: DeltaGenerator | None = None, **settings: Any) -> Panel:
    """A popover whose content is drawn only while it is open: `if (panel := popover(...)).open:`, then `with panel:`.

    The browser takes the widgets of a closed popover off the page, but sends their old values again with the next click,
    wherever that is: what was cleared or set elsewhere in the meantime would be undone (seen in Streamlit 1.64). A widget that
    is not drawn has no value to send.
    """
    return _panel((place or st).popover, label, key, settings)


def expander(label: str, key: str, place: DeltaGenerator | None = None, **settings: Any) -> Panel:
    """An expander whose content is drawn only while it is open, for the reason that `popover` gives."""
    return _panel((place or st).expander, label, key, settings)


def _panel(draw: Any, label: str, key: str, settings: dict[str, Any]) -> Panel:
    # Another label is another widget to Streamlit, which would begin closed under the hand of the person who changes it.
    before = f"{key}-label"
    if st.session_state.get(before, label) != label and key in st.session_state:
        st.session_state[key] = st.session_state[key]
    st.session_state[before] = label
    return draw(label, key=key, on_change="rerun", **settings)
