"""A decision by key or click counts once for each drawing of the queue: what comes before the next picture is there is not counted.

A second key would interrupt the drawing of the next picture, again and again where it is held. It is stopped in the browser and a line
says so; the keyboard's focus stays on its button although each finding has buttons of its own.
"""

import streamlit as st

_DRAWINGS = "clean-drawings"
_HTML = '<p class="wait" role="status" popover="manual">Loading the next image. That key press was ignored.</p>'
_CSS = """
.wait { position: fixed; inset: auto auto 24px 50%; translate: -50%; margin: 0; padding: 8px 16px; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); background: var(--st-secondary-background-color); color: var(--st-text-color);
  font: 14px var(--st-font) }
"""
_JS = """
const WAIT = 2000 // ms after which a press that led to no drawing holds up no other one
const SHOWN = 1500 // ms that the line stands
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
    guard.leave.abort()
    guards.delete(parentElement)
  }
}

function watch(root) {
  const guard = { line: root.querySelector(".wait"), keys: [], pressed: -WAIT, drawing: null, focused: -1, leave: new AbortController() }
  const ear = { capture: true, signal: guard.leave.signal }
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !guard.keys.includes(event.key.toLowerCase())) return
    if (!event.composedPath()[0].closest?.("input, textarea, [contenteditable], [role=dialog]")) take(guard, event)
  }, ear)
  addEventListener("click", event => event.target.closest?.(DECIDING) && take(guard, event), ear)
  return guard
}

function take(guard, event) {
  const now = performance.now()
  if (!event.repeat && now - guard.pressed >= WAIT) {
    guard.pressed = now
    guard.focused = buttons().indexOf(document.activeElement)
    return
  }
  event.stopImmediatePropagation()
  event.preventDefault()
  guard.line.showPopover()
  clearTimeout(guard.hiding)
  guard.hiding = setTimeout(() => guard.line.hidePopover(), SHOWN)
}

// The button in the same place: the one that had the focus went with its finding.
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
    """Let one decision through for this drawing, drawn after the picture and the buttons that it is about.

    `digits`: how many choices a digit makes.
    """
    drawing = st.session_state.get(_DRAWINGS, 0) + 1
    st.session_state[_DRAWINGS] = drawing
    keys = [*map(str, range(1, digits + 1)), "k", "x", "u"]
    mount = st.components.v2.component("scenescope_presses", html=_HTML, css=_CSS, js=_JS)
    mount(key="clean-presses", data={"drawing": drawing, "keys": keys}, height=1)
