"""Choices that live in the URL: a reload keeps them, and the address can be sent to a colleague.

Streamlit's own `bind="query-params"` writes the label instead of the value and drops defaults, so that a shared address
would mean another run as soon as there is a newer one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.app.widgets import VISIT, show_value

_ADOPTED = "adopted-views"
_PAGES, _TURNER = 7, 344  # pages that a turner shows, and the pixels that these and its arrows take
_PAGE = "page-now"
_ADDRESS = "address"  # what the page's address holds, by parameter; `back` writes it into the browser
_LEFT = "addresses-left"  # page -> the parameters of the address under which it was left
_VIEW = "view"  # what is chosen, by URL parameter: the truth, which widgets show and change; it outlives them


def choose(
    widget: Callable[..., Any], label: str, options: Sequence[str], key: str, default: str | None = None, **settings: Any
) -> str:
    """Draw `widget` (a selectbox, segmented control, pills) over `options` and return the choice, kept in the URL as `key`.

    A value that is no option (an old address, another dataset) gives way to `default`, or to the first option.
    """
    choice = current_choice(options, key, default)

    def changed() -> None:
        # Segmented controls can be clicked empty: what was chosen stays chosen.
        picked = st.session_state[key]
        remember(key, picked if picked in options else choice)

    say = settings.get("format_func", str)
    show_value(key, choice, [say(option) for option in options])
    widget(label, options, key=key, on_change=changed, **settings)
    return choice


def current_choice(options: Sequence[str], key: str, default: str | None = None) -> str:
    """What `choose` would return, without its widget: for one in a panel that is closed."""
    recalled = recall(key)
    fallback = default if default in options else options[0]
    return remember(key, recalled if recalled in options else fallback)


def remember(key: str, value: str) -> str:
    """Write a choice into the URL; the value."""
    _view()[key] = value
    _address()[key] = value
    return value


def set_choice(key: str, value: str) -> None:
    """Choose for the person, in a callback or before a rerun: the page that is drawn next shows it and writes it into the URL."""
    _view()[key] = value


def forget(key: str) -> None:
    _view().pop(key, None)
    _address().pop(key, None)


def recall(key: str) -> str | None:
    return _view().get(key)


def choices() -> dict[str, str]:
    """All that is chosen, as a copy."""
    return dict(_view())


def recall_integer(key: str) -> int | None:
    """The whole number that the URL holds as `key`; None where it holds none, or one that is no use (over nine digits)."""
    text = recall(key) or ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def choose_page(pages: int, of: str, key: str = "page") -> int:
    """Draw a page turner where there are several pages, kept in the URL as `key`; the page's number, from 1.

    `of` names what is paged: another begins at its first page.
    """
    now = (of, adoptions())
    before = st.session_state.get(f"{key}-of", now)
    st.session_state[f"{key}-of"] = now
    if pages <= 1:
        forget(key)
        return 1
    same = before[0] == of or before[1] != adoptions()
    number = min(max(recall_integer(key) or 1, 1), pages) if same else 1
    turner = f"{key}-turner"

    def changed() -> None:
        remember(key, str(st.session_state[turner]))

    show_value(turner, number)
    # In a row, it would measure the place that it takes and hide pages for which there is room.
    st.pagination(pages, max_visible_pages=_PAGES, key=turner, width=_TURNER, on_change=changed)
    return int(remember(key, str(number)))


def current_page() -> str | None:
    """The URL path of the page that the person is on; None before the first one is drawn."""
    return st.session_state.get(_PAGE)


def address() -> dict[str, str]:
    """What the page's address holds, as a copy."""
    return dict(_address())


def enter_page(path: str) -> None:
    """Begin a page, before it draws anything. The address that a link brings is the view of the page."""
    if path == current_page():
        return
    linked = st.query_params.to_dict()
    if current_page() is None:
        st.session_state[_ADDRESS] = linked
        _visit(path)
    elif linked:
        return_to(path, linked)
    else:
        _visit(path)


def return_to(path: str, found: Mapping[str, str]) -> None:
    """Show a page as the address says that the browser's Back led to. One that was left before it had an address is shown as it is."""
    left = _address() if path == current_page() else dict.fromkeys(st.session_state.get(_LEFT, {}).get(path, ()), "")
    if path != current_page():
        _visit(path)
    if found:
        show_address(found, left)


def show_address(found: Mapping[str, str], left: Mapping[str, str]) -> None:
    """Show the view of an address that the person went back to. What neither address speaks of stays as it is."""
    view = _view()
    for key in left:
        view.pop(key, None)
    view.update(found)
    st.session_state[_ADDRESS] = dict(found)
    st.session_state[_ADOPTED] = adoptions() + 1


def _visit(path: str) -> None:
    """The address of another page begins with what it had when it was left, as it is chosen now."""
    left: dict[str, tuple[str, ...]] = st.session_state.setdefault(_LEFT, {})
    if current_page() is not None:
        left[current_page()] = tuple(_address())
        st.session_state[_ADDRESS] = {key: _view()[key] for key in left.get(path, ()) if key in _view()}
    st.session_state[_PAGE] = path
    st.session_state[VISIT] = st.session_state.get(VISIT, 0) + 1


def adoptions() -> int:
    """How many addresses the person went back to: part of the key of a widget that only a new key brings to another value."""
    return st.session_state.get(_ADOPTED, 0)


def _view() -> dict[str, str]:
    if _VIEW not in st.session_state:
        st.session_state[_VIEW] = st.query_params.to_dict()
    return st.session_state[_VIEW]


def _address() -> dict[str, str]:
    if _ADDRESS not in st.session_state:
        st.session_state[_ADDRESS] = st.query_params.to_dict()
    return st.session_state[_ADDRESS]
