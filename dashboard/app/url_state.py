"""Choices that live in the URL: a reload keeps them, and the address can be sent to a colleague.

Streamlit's own `bind="query-params"` (1.64) writes the label instead of the value and drops defaults, so that a shared address
would mean another run as soon as there is a newer one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from dashboard.app.widgets import VISIT, bind_value
from engine.core.address import Choice, Integer, Kind

T = TypeVar("T")

_ADOPTIONS = "adopted-views"  # how many addresses the person went back to
_MAX_PAGES, _PAGINATION_WIDTH = 7, 344  # page numbers in view, and the pixels that these and the arrows take
_PAGE = "page-now"
_ADDRESS = "address"  # the parameters of the page's address; `browser_history` writes them into the browser
_LEFT = "addresses-left"  # page -> the parameters of the address under which it was left
_VIEW = "view"  # all choices by URL parameter: the truth, which widgets show and change; it outlives them


@dataclass(frozen=True, eq=False)
class Parameter(Generic[T]):
    """One parameter of the address. `default` holds where it is missing, or says what `kind` cannot read.

    Each is declared once, as a constant of the module that it belongs to (`tests/app/test_parameters.py`).
    """

    name: str
    kind: Kind[T]
    default: T

    @property
    def options(self) -> Sequence[T]:
        """What can be chosen; nothing where that depends on the data."""
        return self.kind.options if isinstance(self.kind, Choice) else ()

    def read(self) -> T:
        text = recall(self.name)
        try:
            return self.kind.decode(text) if text else self.default
        except ValueError:
            return self.default

    def write(self, value: T) -> None:
        """Store a value in the URL; one that is an empty text is removed from it."""
        if text := self.kind.encode(value):
            remember(self.name, text)
        else:
            forget(self.name)

    def request(self, value: T) -> None:
        """Choose for the person, in a callback or before a rerun; the page drawn next shows it and stores it in the URL."""
        _view()[self.name] = self.kind.encode(value)

    def clear(self) -> None:
        forget(self.name)

    def is_set(self) -> bool:
        """Whether the URL says anything here, readable or not."""
        return bool(recall(self.name))


def choose(
    widget: Callable[..., Any],
    label: str,
    parameter: Parameter[T],
    options: Sequence[T] = (),
    default: T | None = None,
    format_func: Callable[[T], str] = str,
    **settings: Any,
) -> T:
    """Draw `widget` (a selectbox, segmented control, pills) over the options, by default the parameter's, and return the choice.

    The choice is stored in the URL. One that is not an option (an old address, another dataset) gives way to `default`, or to the
    first option.
    """
    name, values = parameter.name, _texts(parameter, options)
    choice = parameter.kind.encode(current_choice(parameter, options, default))

    def store_choice(selection: str | None) -> None:
        # A click on the chosen segment of a segmented control deselects it: the choice stays.
        remember(name, choice if selection is None or selection not in values else selection)

    texts, labels = list(values), {text: format_func(value) for text, value in values.items()}
    binding = bind_value(name, choice, list(labels.values()))
    if widget.__name__ == "selectbox":
        settings["index"] = texts.index(binding.initial)
    else:
        settings["default"] = binding.initial
    widget(
        label, texts, key=binding.key, on_change=binding.on_change(store_choice), format_func=lambda text: labels.get(text, text), **settings
    )  # fmt: skip
    return values[choice]


def current_choice(parameter: Parameter[T], options: Sequence[T] = (), default: T | None = None) -> T:
    """The choice that `choose` would return, without drawing its widget: for a widget in a closed panel."""
    values = _texts(parameter, options)
    preferred = [recall(parameter.name), *(parameter.kind.encode(one) for one in (default, parameter.default) if one is not None)]
    text = next((one for one in preferred if one in values), next(iter(values)))
    remember(parameter.name, text)
    return values[text]


def _texts(parameter: Parameter[T], options: Sequence[T]) -> dict[str, T]:
    """The options by their texts in the address."""
    return {parameter.kind.encode(option): option for option in options or parameter.options}


def remember(name: str, text: str) -> None:
    """Store a text in the URL."""
    _view()[name] = text
    _address()[name] = text


def forget(name: str) -> None:
    """Remove a parameter from the URL."""
    _view().pop(name, None)
    _address().pop(name, None)


def recall(name: str) -> str | None:
    """The text of a parameter; None where there is none."""
    return _view().get(name)


def choices() -> dict[str, str]:
    """All choices by URL parameter, as a copy."""
    return dict(_view())


def page_parameter(name: str) -> Parameter[int]:
    """The number of a page, from 1."""
    return Parameter(name, Integer(), 1)


def choose_page(pages: int, subject: str, parameter: Parameter[int]) -> int:
    """Draw the pagination where there are several pages, and return the page's number, from 1, stored in the URL.

    `subject` names what is paged: another subject begins at its first page.
    """
    key, now = parameter.name, (subject, adoptions())
    before = st.session_state.get(f"{key}-of", now)
    st.session_state[f"{key}-of"] = now
    if pages <= 1:
        parameter.clear()
        return 1
    # After a step back the subject changes too, but then the address brings its page.
    same = before[0] == subject or before[1] != adoptions()
    number = min(max(parameter.read(), 1), pages) if same else 1
    binding = bind_value(f"{key}-turner", number)

    # A fixed width: in a row of elements it would measure the room it happens to have, and hide pages that fit.
    st.pagination(
        pages, default=binding.initial, max_visible_pages=_MAX_PAGES, width=_PAGINATION_WIDTH, key=binding.key,
        on_change=binding.on_change(parameter.write)
    )  # fmt: skip
    parameter.write(number)
    return number


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
