/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/**
 * @typedef {object} Guard
 * @property {HTMLElement} message says that a press was ignored
 * @property {string[]} keys that decide
 * @property {number | null} drawing of the queue, which rises with each
 * @property {number} pressed when the last press was let through
 * @property {number} focused place of the button that had the focus then, or -1
 * @property {number} timer
 * @property {AbortController} controller
 */

const WAIT = 2000 // ms after which the next press is let through even if nothing was drawn
const SHOWN = 1500 // ms for which the message is shown
const DECIDING = ["clean-classes", "clean-common", "clean-only"].map(name => `[class*=st-key-${name}] button`).join()

/** @type {WeakMap<Node, Guard>} */
const guards = new WeakMap()

/** @param {FrontendRendererArgs<{}, { drawing: number, keys: string[] }>} component */
export default function guardPresses({ data, parentElement }) {
  const guard = guards.get(parentElement) ?? mount(parentElement)
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

/** @param {HTMLElement | ShadowRoot} root @returns {Guard} */
function mount(root) {
  const message = root.querySelector(".wait")
  if (!(message instanceof HTMLElement)) throw new Error("The component has no message to show.")
  /** @type {Guard} */
  const guard = { message, keys: [], drawing: null, pressed: -WAIT, focused: -1, timer: 0, controller: new AbortController() }
  const options = { capture: true, signal: guard.controller.signal }
  addEventListener("keydown", event => handleKey(guard, event), options)
  const handleClick = (/** @type {MouseEvent} */ event) => {
    if (event.target instanceof Element && event.target.closest(DECIDING)) takePress(guard, event, false)
  }
  addEventListener("click", handleClick, options)
  return guard
}

/** @param {Guard} guard @param {KeyboardEvent} event */
function handleKey(guard, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !guard.keys.includes(event.key.toLowerCase())) return
  const [origin] = event.composedPath()
  if (origin instanceof Element && origin.closest("input, textarea, [contenteditable], [role=dialog]")) return
  takePress(guard, event, event.repeat)
}

/** Let the press through, or stop it and say so. @param {Guard} guard @param {Event} event @param {boolean} isRepeated */
function takePress(guard, event, isRepeated) {
  const now = performance.now()
  if (!isRepeated && now - guard.pressed >= WAIT) {
    guard.pressed = now
    const { activeElement } = document
    guard.focused = activeElement ? decidingButtons().indexOf(activeElement) : -1
    return
  }
  event.stopImmediatePropagation()
  event.preventDefault()
  guard.message.showPopover()
  clearTimeout(guard.timer)
  guard.timer = setTimeout(() => guard.message.hidePopover(), SHOWN)
}

/** Focus the button in the same place: the one that had the focus disappeared with its finding. @param {Guard} guard */
function refocus(guard) {
  const button = decidingButtons()[guard.focused]
  guard.focused = -1
  if (button instanceof HTMLElement && document.activeElement === document.body) button.focus({ preventScroll: true })
}

function decidingButtons() {
  return Array.from(document.querySelectorAll(DECIDING))
}
