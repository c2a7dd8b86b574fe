"""The browser's back and forward lead through the views of a page, one step for each thing that a person did.

Python alone says what the address is, and this module alone writes it. Streamlit writes an entry of the browser's history for
every parameter that a script sets, writes what a page sends under the path of the page that was left (its messages arrive before
the path has changed), and where a person goes back it sends the parameters of the page that was left (all seen in Streamlit 1.64).
So `url` keeps the address, a component carries it to the browser, and what Streamlit writes by itself is dropped:

- a message carries the path that its parameters belong to, so that it never overwrites the entry of another page;
- until Python has answered a step back, messages of runs that began before it are dropped;
- what was not set off by a person's hand takes the last entry's place.

A step back is a value of the component, not an event: Streamlit sends it again with each run, so that it is never lost.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard.app import url_state

_KEY = "back"
_ANSWERED = "back-answered"  # the id of the last step that was answered
_STEP = "back-step"  # the one to answer, once the page that runs now is known
_SENT = "back-sent"  # what was sent last

_JS = """
// On the window: each time that it is mounted, this module may be a new one.
const shared = (window.scenescopeBack ??= { byHand: false, time: 0, step: null })
const EMBED = ["embed", "embed_options"] // Streamlit's own, which Python does not see

function address({ path, search }) {
  const to = new URL(path, location.origin), now = new URLSearchParams(location.search)
  const all = new URLSearchParams(search)
  for (const name of EMBED) for (const value of now.getAll(name)) all.append(name, value)
  to.search = all.toString()
  return to
}

function hear(message) {
  if (message.time <= shared.time) return // parts of the page are drawn in any order
  shared.time = message.time
  if (shared.step && message.answered !== shared.step) return
  shared.step = null
  const to = address(message)
  if (to.pathname === location.pathname && to.search === location.search) return
  // From one open image to the next: Back closes it.
  const walk = [new URLSearchParams(location.search), to.searchParams].every(one => one.has("open"))
  if (to.pathname !== location.pathname || (shared.byHand && !walk)) shared.push({}, "", to)
  else history.replaceState(history.state, "", to)
  shared.byHand = false
}

function went() {
  shared.byHand = false
  const id = (shared.step = Math.random().toString(36).slice(2))
  shared.tell = () => shared.send?.({ id, path: location.pathname, search: location.search })
  shared.tell()
}

function listen() {
  for (const name of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(name, () => { shared.byHand = true }, { capture: true, passive: true })
  }
  shared.push = history.pushState.bind(history)
  history.pushState = () => {}
  // Streamlit, which hears of it first, asks for the page too, with the parameters of the page that was left.
  window.addEventListener("popstate", went)
  // Before this was here, Streamlit answered a step back by itself, with the parameters that were loaded.
  const loaded = performance.getEntriesByType("navigation")[0]?.name
  if (loaded && loaded.split("#")[0] !== location.href.split("#")[0]) went()
}

export default function ({ data, setStateValue }) {
  if (!shared.push) listen()
  if (data.listens) {
    const first = !shared.send
    shared.send = step => setStateValue("step", step)
    if (first && shared.step) shared.tell()
  }
  hear(data.message)
}
"""
# It has nothing to show: it takes no room among what a page shows.
_CSS = """
[class*="st-key-back"] {
  position: absolute;
  left: 0; /* where it would stand, its full width would reach beyond a phone's page */
  max-width: 0;
  overflow: hidden;
}
"""


def follow(page: StreamlitPage, pages: Sequence[StreamlitPage]) -> None:
    """Begin a page, or lead to the one that the person went back to; before anything is drawn."""
    step = st.session_state.pop(_STEP, None)
    if step is not None:
        st.session_state[_ANSWERED] = step["id"]
        to = next((one for one in pages if one.url_path == _page_of(step["path"])), pages[0])
        # The message may still be of the page that was left. A third page is one that the person went on to meanwhile.
        if url_state.current_page() in (None, page.url_path, to.url_path):
            url_state.return_to(to.url_path, _parameters(step["search"]))
            if to.url_path != page.url_path:
                st.switch_page(to)
    url_state.enter_page(page.url_path)


def listen() -> None:
    """Listen to the browser's buttons, and write the address as the page begins with it. It shows nothing."""

    def went() -> None:
        step = st.session_state[_KEY].step
        if isinstance(step, dict) and {"id", "path", "search"} <= step.keys() and step["id"] != st.session_state.get(_ANSWERED):
            st.session_state[_STEP] = {name: str(step[name]) for name in ("id", "path", "search")}

    _draw(_KEY, _message(), listens=True, on_step_change=went)


def write_address(key: str, whole: bool = False) -> None:
    """Bring what the page has chosen into the browser's address; `key` names the part of the page that ends with this.

    `whole`: the part is drawn with the whole page, which is not complete yet: what was written last stays.
    """
    _draw(f"{_KEY}-{key}", st.session_state.get(_SENT) or _message() if whole else _message())


def _message() -> dict[str, Any]:
    """What the browser's address has to be now."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    message = {
        "time": time.time(), "path": "/".join(["", *filter(None, [base]), url_state.current_page() or ""]), "search": urlencode(url_state.address()),
        "answered": st.session_state.get(_ANSWERED),
    }  # fmt: skip
    st.session_state[_SENT] = message
    return message


def _draw(key: str, message: Mapping[str, Any], listens: bool = False, **callbacks: Any) -> None:
    component = st.components.v2.component("scenescope_back", js=_JS, css=_CSS, isolate_styles=False)
    component(key=key, data={"message": message, "listens": listens}, height=1, **callbacks)


def _page_of(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _parameters(search: str) -> dict[str, str]:
    return dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))
