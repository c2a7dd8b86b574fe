"""The browser's back and forward lead through the views of a page, one step for each thing that a person did.

Streamlit adds an entry to the browser's history for every parameter that a script writes into the address (six while Explore
is opened), and where a person goes back to an earlier address of the same page it shows the address but not its view (seen in
Streamlit 1.64). Here, what was not set off by a person's hand takes the last entry's place, and an earlier address is told to Python.
"""

from urllib.parse import parse_qsl

import streamlit as st

from dashboard import url

_JS = """
// On the window: each time that it is mounted, this module may be a new one.
const shared = (window.scenescopeBack ??= { byHand: false, page: location.pathname, search: location.search })

export default function ({ setTriggerValue }) {
  shared.went = (from, to) => setTriggerValue("went", { from, to })
  if (shared.listening) return
  shared.listening = true

  for (const name of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(name, () => { shared.byHand = true }, { capture: true, passive: true })
  }

  const push = history.pushState.bind(history)
  history.pushState = (state, unused, address) => {
    const another = new URL(address, location.href).pathname !== location.pathname
    if (shared.byHand || another) push(state, unused, address)
    else history.replaceState(state, unused, address)
    Object.assign(shared, { byHand: false, page: location.pathname, search: location.search })
  }

  window.addEventListener("popstate", event => {
    const { page, search } = shared
    Object.assign(shared, { byHand: false, page: location.pathname, search: location.search })
    if (page !== location.pathname) return
    event.stopImmediatePropagation()
    shared.went(search, location.search)
  }, { capture: true })
}
"""


def back_and_forward() -> None:
    """Listen to the browser's buttons. It shows nothing."""

    def went() -> None:
        event = st.session_state["back"].went
        if isinstance(event, dict):
            left, found = (dict(parse_qsl(str(event.get(end, "")).lstrip("?"), keep_blank_values=True)) for end in ("from", "to"))
            url.adopt(found, left)

    st.components.v2.component("scenescope_back", js=_JS)(key="back", height=1, on_went_change=went)
