"""The browser's Back and Forward buttons step through the views of a page, one step per action of the person.

Python alone decides what the address is, and this module alone writes it. By itself, Streamlit 1.64 adds an entry to the browser's
history for every parameter that a script sets; it writes the parameters of a new page under the path of the previous one (its messages
arrive before the path has changed); and when a person goes back it sends the parameters of the page that was left. So `url_state`
holds the address, a component carries it to the browser, and what Streamlit writes by itself is dropped:

- a message carries the path that its parameters belong to, so that it never overwrites the entry of another page;
- until Python has answered a step back, messages of runs that began before the step are dropped;
- a change that no person caused replaces the last entry instead of adding one.

A step back is a value of the component, not an event: Streamlit sends it again with each run, so that it is never lost.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.components.v2 import component
from streamlit.navigation.page import StreamlitPage

from dashboard.app import url_state
from dashboard.app.component_files import join_modules

_KEY = "back"
_ANSWERED = "back-answered"  # the id of the last step that was answered
_STEP = "back-step"  # the step to answer, once the page of this run is known
_SENT = "back-sent"  # the last message

_JS = join_modules(Path(__file__).with_suffix(".js"))
# The component shows nothing and must take no space on the page.
_CSS = """
[class*="st-key-back"] {
  position: absolute;
  left: 0; /* at its own place, its full width would reach beyond a phone's page */
  max-width: 0;
  overflow: hidden;
}
"""


def follow(page: StreamlitPage, pages: Sequence[StreamlitPage]) -> None:
    """Begin a page, or switch to the one that the person went back to. Call it before anything is drawn."""
    step = st.session_state.pop(_STEP, None)
    if step is not None:
        st.session_state[_ANSWERED] = step["id"]
        target = next((one for one in pages if one.url_path == _page_of(step["path"])), pages[0])
        # This run may still be the one of the page that was left. On a third page the person has gone on meanwhile: leave them there.
        if url_state.current_page() in (None, page.url_path, target.url_path):
            url_state.return_to(target.url_path, _parameters(step["search"]))
            if target.url_path != page.url_path:
                st.switch_page(target)
    url_state.enter_page(page.url_path)


def listen() -> None:
    """Mount the invisible component that listens to the browser's buttons, with the address that the page begins with."""

    def store_step() -> None:
        step = st.session_state[_KEY].step
        if isinstance(step, dict) and {"id", "path", "search"} <= step.keys() and step["id"] != st.session_state.get(_ANSWERED):
            st.session_state[_STEP] = {name: str(step[name]) for name in ("id", "path", "search")}

    _draw(_KEY, _message(), listens=True, on_step_change=store_step)


def write_address(key: str, whole: bool = False) -> None:
    """Write the page's choices into the browser's address; `key` names the part of the page that ends here.

    `whole`: the part is drawn as a portion of the whole page. Its choices are incomplete at this moment, so the last message is repeated.
    """
    message = (st.session_state.get(_SENT) if whole else None) or _message()
    _draw(f"{_KEY}-{key}", message)


def _message() -> dict[str, Any]:
    """The present address as the component takes it; remembered as the last message."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    message = {
        "time": time.time(), "path": "/".join(["", *filter(None, [base]), url_state.current_page() or ""]), "search": urlencode(url_state.address()),
        "answered": st.session_state.get(_ANSWERED),
    }  # fmt: skip
    st.session_state[_SENT] = message
    return message


def _draw(key: str, message: Mapping[str, Any], listens: bool = False, **callbacks: Any) -> None:
    mount = component("scenescope_back", js=_JS, css=_CSS, isolate_styles=False)
    mount(key=key, data={"message": message, "listens": listens}, height=1, **callbacks)


def _page_of(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _parameters(search: str) -> dict[str, str]:
    return dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))
