"""Choices that live in the URL: a reload keeps them, and the address can be sent to a colleague.

Streamlit's own `bind="query-params"` (1.64) writes the label instead of the value and drops defaults, so that a shared address
would mean another run as soon as there is a newer one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.app.widgets import VISIT, bind_value

_ADOPTIONS = "adopted-views"  # how many addresses the person went back to
_MAX_PAGES, _PAGINATION_WIDTH = 7, 344  # page numbers in view, and the pixels that these and the arrows take
_PAGE = "page-now"
_ADDRESS = "address"  # the parameters of the page's address; `browser_history` writes them into the browser
_LEFT = "addresses-left"  # page -> the parameters of the address under which it was left
_VIEW = "view"  # all choices by URL parameter: the truth, which widgets show and change; it outlives them


def choose(
    widget: Callable[..., Any], label: str, options: Sequence[str], key: str, default: str | None = None, **settings: Any
) -> str:
    """Draw `widget` (a selectbox, segmented control, pills) over `options` and return the choice, stored in the URL as `key`.

    A value that is not an option (an old address, another dataset) gives way to `default`, or to the first option.
    """
    choice = current_choice(options, key, default)

    def store_choice(selection: str | None) -> None:
        # A click on the chosen segment of a segmented control deselects it: the choice stays.
        remember(key, choice if selection is None or selection not in options else selection)

    format_option = settings.get("format_func", str)
    binding = bind_value(key, choice, [format_option(option) for option in options])
    if widget.__name__ == "selectbox":
        settings["index"] = list(options).index(binding.initial)
    else:
        settings["default"] = binding.initial
    widget(label, options, key=binding.key, on_change=binding.on_change(store_choice), **settings)
    return choice


def current_choice(options: Sequence[str], key: str, default: str | None = None) -> str:
    """The choice that `choose` would return, without drawing its widget: for a widget in a closed panel."""
    for candidate in (recall(key), default):
        if candidate is not None and candidate in options:
            return remember(key, candidate)
    return remember(key, options[0])


def remember(key: str, value: str) -> str:
    """Store a choice in the URL and return it."""
    _view()[key] = value
    _address()[key] = value
    return value


def set_choice(key: str, value: str) -> None:
    """Make a choice for the person, in a callback or before a rerun; the page drawn next shows it and stores it in the URL."""
    _view()[key] = value


def forget(key: str) -> None:
    """Remove a choice, and its parameter from the URL."""
    _view().pop(key, None)
    _address().pop(key, None)


def recall(key: str) -> str | None:
    """A stored choice; None where there is none."""
    return _view().get(key)


def choices() -> dict[str, str]:
    """All choices by URL parameter, as a copy."""
    return dict(_view())


def recall_integer(key: str) -> int | None:
    """The choice `key` as an integer of at most nine digits; None where it is missing or not one."""
    # Bounded: the address is untrusted, and Python refuses to convert very long digit strings.
    text = recall(key) or ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def choose_page(pages: int, subject: str, key: str = "page") -> int:
    """Draw the pagination where there are several pages, and return the page's number, from 1, stored in the URL as `key`.

    `subject` names what is paged: another subject begins at its first page.
    """
    now = (subject, adoptions())
    before = st.session_state.get(f"{key}-of", now)
    st.session_state[f"{key}-of"] = now
    if pages <= 1:
        forget(key)
        return 1
    # After a step back the subject changes too, but then the address brings its page.
    same = before[0] == subject or before[1] != adoptions()
    number = min(max(recall_integer(key) or 1, 1), pages) if same else 1
    binding = bind_value(f"{key}-turner", number)

    # A fixed width: in a row of elements it would measure the room it happens to have, and hide pages that fit.
    st.pagination(
        pages, default=binding.initial, max_visible_pages=_MAX_PAGES, width=_PAGINATION_WIDTH, key=binding.key,
        on_change=binding.on_change(lambda page: remember(key, str(page)))
    )  # fmt: skip
    return int(remember(key, str(number)))


def current_page() -> str | None:
    """The URL path of the page that the person is on; None before the first page is drawn."""
    return st.session_state.get(_PAGE)


def address() -> dict[str, str]:
    """The parameters of the page's address, as a copy."""
    return dict(_address())


def enter_page(path: str) -> None:
    """Begin a page, before it draws anything. Parameters that a link brings become the page's choices."""
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


def return_to(path: str, parameters: Mapping[str, str]) -> None:
    """Show a page with the parameters that the browser's Back led to; without parameters the page keeps its present choices."""
    left = _address() if path == current_page() else dict.fromkeys(st.session_state.get(_LEFT, {}).get(path, ()), "")
    if path != current_page():
        _visit(path)
    if parameters:
        show_address(parameters, left)


def show_address(parameters: Mapping[str, str], left: Mapping[str, str]) -> None:
    """Take the choices from an address that the person went back to. A choice that neither it nor the address `left` names stays."""
    view = _view()
    for key in left:
        view.pop(key, None)
    view.update(parameters)
    st.session_state[_ADDRESS] = dict(parameters)
    st.session_state[_ADOPTIONS] = adoptions() + 1


def _visit(path: str) -> None:
    """Go to another page. Its address has the parameters that it had when it was left, with their present values."""
    left: dict[str, tuple[str, ...]] = st.session_state.setdefault(_LEFT, {})
    previous = current_page()
    if previous is not None:
        left[previous] = tuple(_address())
        st.session_state[_ADDRESS] = {key: _view()[key] for key in left.get(path, ()) if key in _view()}
    st.session_state[_PAGE] = path
    st.session_state[VISIT] = st.session_state.get(VISIT, 0) + 1


def adoptions() -> int:
    """How many addresses the person went back to: part of the key of a widget that only a new key can bring to another value."""
    return st.session_state.get(_ADOPTIONS, 0)


def _view() -> dict[str, str]:
    if _VIEW not in st.session_state:
        st.session_state[_VIEW] = st.query_params.to_dict()
    return st.session_state[_VIEW]


def _address() -> dict[str, str]:
    if _ADDRESS not in st.session_state:
        st.session_state[_ADDRESS] = st.query_params.to_dict()
    return st.session_state[_ADDRESS]
