"""One decision by key or click per finding that is drawn: presses that come before the next image is there are ignored.

A second press would interrupt the drawing of the next image, again and again if the key is held. It is stopped in the browser, and a
message says so. The keyboard focus stays on its button although the buttons of each finding are new ones.
"""

import streamlit as st
from streamlit.components.v2 import component

_DRAWINGS = "clean-drawings"
_HTML = '<p class="wait" role="status" popover="manual">Loading the next image. That key press was ignored.</p>'
_CSS = """
.wait { position: fixed; inset: auto auto 24px 50%; translate: -50%; margin: 0; padding: 8px 16px; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); background: var(--st-secondary-background-color); color: var(--st-text-color);
  font: 14px var(--st-font) }
"""
_JS = """
const WAIT = 2000 // ms after which the next press is let through even if nothing was drawn
const SHOWN = 1500 // ms for which the message is shown
const DECIDING = ["clean-classes", "clean-common", "clean-only"].map(name => `[class*=st-key-${name}] button`).join()
const guards = new WeakMap()

export default function ({ data, parentElement }) {
  const guard = guards.get(parentElement) ?? watch(parentElement)
  guards.set(parentElement, guard)
  guard.keys = data.keys
  if (guard.drawing !== data.drawing) {
    guard.drawing = data.drawing
    guard.pressed = -WAIT
    refocus(guard)
  }
  return () => {
    guard.controller.abort()
    guards.delete(parentElement)
  }
}

function watch(root) {
  const guard = { message: root.querySelector(".wait"), keys: [], pressed: -WAIT, drawing: null, focused: -1, controller: new AbortController() }
  const options = { capture: true, signal: guard.controller.signal }
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !guard.keys.includes(event.key.toLowerCase())) return
    if (!event.composedPath()[0].closest?.("input, textarea, [contenteditable], [role=dialog]")) handlePress(guard, event)
  }, options)
  addEventListener("click", event => {
    if (event.target.closest?.(DECIDING)) handlePress(guard, event)
  }, options)
  return guard
}

function handlePress(guard, event) {
  const now = performance.now()
  if (!event.repeat && now - guard.pressed >= WAIT) {
    guard.pressed = now
    guard.focused = buttons().indexOf(document.activeElement)
    return
  }
  event.stopImmediatePropagation()
  event.preventDefault()
  guard.message.showPopover()
  clearTimeout(guard.hiding)
  guard.hiding = setTimeout(() => guard.message.hidePopover(), SHOWN)
}

// To the button in the same place: the one that had the focus disappeared with its finding.
function refocus(guard) {
  const place = guard.focused
  guard.focused = -1
  if (place >= 0 && document.activeElement === document.body) buttons()[place]?.focus({ preventScroll: true })
}

function buttons() {
  return [...document.querySelectorAll(DECIDING)]
}
"""


def allow_one_press(digits: int) -> None:
    """Let one decision through for the finding as drawn now. Call it after its image and buttons; `digits`: choices with a digit key."""
    drawing = st.session_state.get(_DRAWINGS, 0) + 1
    st.session_state[_DRAWINGS] = drawing
    keys = [*map(str, range(1, digits + 1)), "k", "x", "u"]
    mount = component("scenescope_presses", html=_HTML, css=_CSS, js=_JS)
    mount(key="clean-presses", data={"drawing": drawing, "keys": keys}, height=1)
