"""The browser's back and forward lead through the views of a page, one step for each thing that a person did.

Streamlit adds an entry to the browser's history for every parameter that a script writes into the address (six while Explore
is opened), and where a person goes back to an earlier address of the same page it shows the address but not its view (seen in
Streamlit 1.64). Here, what was not set off by a person's hand takes the last entry's place, and an earlier address is told to Python.
"""

from urllib.parse import parse_qsl

import streamlit as st

from dashboard import url

_KNOWN = "back-known"  # the id of the step that was heard of last

_JS = """
// On the window: each time that it is mounted, this module may be a new one.
const shared = (window.scenescopeBack ??= { byHand: false, page: location.pathname, search: location.search })

const AGAIN = 500, LOOK = 50  // ms

// Until Python has said that it knows: what is sent while the page is drawn can be lost.
function tell() {
  clearTimeout(shared.timer)
  if (shared.step?.page !== location.pathname) shared.step = null
  if (!shared.step) return
  const running = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running"
  if (!running) shared.send(shared.step)
  shared.timer = setTimeout(tell, running ? LOOK : AGAIN)
}

export default function ({ data, setTriggerValue }) {
  shared.send = step => setTriggerValue("went", step)
  if (shared.step && data?.known === shared.step.id) shared.step = null
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
    if (page !== location.pathname) {
      // Streamlit opens the page with the address of the one that was left (1.64): its own is told once it is drawn.
      shared.step = { id: String(Math.random()), page: location.pathname, from: null, to: location.search }
      shared.timer = setTimeout(tell, AGAIN)
      return
    }
    event.stopImmediatePropagation()
    // Of steps in quick succession, Python may know only where the first one began.
    const from = [shared.step?.from, search].filter(Boolean).map(one => one.replace("?", "")).join("&")
    shared.step = { id: String(Math.random()), page, from, to: location.search }
    tell()
  }, { capture: true })
}
"""


def _parameters(search: object) -> dict[str, str]:
    return dict(parse_qsl(str(search or "").lstrip("?"), keep_blank_values=True))


def back_and_forward() -> None:
    """Listen to the browser's buttons. It shows nothing."""

    def went() -> None:
        event = st.session_state["back"].went
        if isinstance(event, dict) and st.session_state.get(_KNOWN) != event.get("id"):
            st.session_state[_KNOWN] = event.get("id")
            address = _parameters(event.get("to"))
            if event.get("from") is None:
                url.return_to(str(event.get("page", "")).rpartition("/")[2], address)
            else:
                url.adopt(address, _parameters(event["from"]))

    known = {"known": st.session_state.get(_KNOWN)}
    st.components.v2.component("scenescope_back", js=_JS)(key="back", data=known, height=1, on_went_change=went)
