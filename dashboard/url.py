"""Choices that live in the URL: a reload keeps them, and the address can be sent to a colleague.

Streamlit's own `bind="query-params"` writes the label instead of the value and drops defaults, so that a shared address
would mean another run as soon as there is a newer one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

_NEXT = "next-view"
_ADOPTED = "adopted-views"
_PAGES, _TURNER = 7, 344  # pages that a turner shows, and the pixels that these and its arrows take
_VIEW = "view"  # what was chosen last, by URL parameter; it outlives the widgets of a page that one has left


def choose(
    widget: Callable[..., Any], label: str, options: Sequence[str], key: str, default: str | None = None, **settings: Any
) -> str:
    """Draw `widget` (a selectbox, segmented control, pills) over `options` and return the choice, kept in the URL as `key`.

    A value that is no option (an old address, another dataset) gives way to `default`, or to the first option.
    """
    waiting = _next()
    wanted = waiting.pop(key) if key in waiting else st.session_state.get(key, _view().get(key))
    fallback = default if default in options else options[0]
    # Assigned at each run: on another page the widget of the same key is a new one, and would begin with its own default.
    st.session_state[key] = wanted if wanted in options else fallback
    chosen = widget(label, options, key=key, **settings)
    # Segmented controls can be clicked empty.
    return remember(key, chosen if chosen in options else fallback)


def remember(key: str, value: str) -> str:
    """Write a choice into the URL; the value."""
    _view()[key] = value
    if st.query_params.get(key) != value:
        st.query_params[key] = value
    return value


def set_choice(key: str, value: str) -> None:
    """Choose for the person, in a callback or before a rerun: the widget shows it when it is drawn next."""
    _next()[key] = value
    _view()[key] = value


def forget(key: str) -> None:
    _view().pop(key, None)
    st.query_params.pop(key, None)


def recall(key: str) -> str | None:
    return _view().get(key)


def awaited(key: str) -> str | None:
    """What the widget of `choose` will show when it is drawn in this run."""
    if key in _next():
        return _next()[key]
    return st.session_state.get(key, _view().get(key))


def whole(key: str) -> int | None:
    """The whole number that the URL holds as `key`; None where it holds none, or one that is no use (over nine digits)."""
    text = recall(key) or ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def turn(pages: int, of: str, key: str = "page") -> int:
    """Draw a page turner where there are several pages, kept in the URL as `key`; the page's number, from 1.

    `of` names what is paged: another begins at its first page.
    """
    now = (of, adopted())
    before = st.session_state.get(f"{key}-of", now)
    st.session_state[f"{key}-of"] = now
    if pages <= 1:
        forget(key)
        return 1
    name = f"{key}-{of}-{adopted()}"
    same = before[0] == of or before[1] != adopted()
    wanted = st.session_state.get(name, (whole(key) or 1) if same else 1)
    # In a row, it would measure the place that it takes and hide pages for which there is room.
    start = min(max(wanted, 1), pages)
    return int(remember(key, str(st.pagination(pages, default=start, max_visible_pages=_PAGES, key=name, width=_TURNER))))


def adopt(found: Mapping[str, str], left: Mapping[str, str]) -> None:
    """Show the view of an address that the person went back to, in a callback. What neither address speaks of stays as it is."""
    view = _view()
    for key in {*found, *left}:
        if view.get(key) != found.get(key):
            _next()[key] = found.get(key)
    for key in left:
        view.pop(key, None)
    view.update(found)
    st.session_state[_ADOPTED] = adopted() + 1


def adopted() -> int:
    """How many addresses the person went back to: part of the key of a widget that only a new key brings to another value."""
    return st.session_state.get(_ADOPTED, 0)


def _next() -> dict[str, str | None]:
    """Choices that wait for their widget: one that is on the page already cannot be changed any more."""
    return st.session_state.setdefault(_NEXT, {})


def _view() -> dict[str, str]:
    if _VIEW not in st.session_state:
        st.session_state[_VIEW] = st.query_params.to_dict()
    return st.session_state[_VIEW]
