// Previous and Next, by click and arrow key. The browser counts where the person is; it reports the place to the server, not the step, so
// that presses which come while an image is being drawn are not lost.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @import { Channel, Report } from "../channel.ts" */
/** @typedef {{ key: string, place: number, count: number, revisions: { moved: number } }} Data */
/**
 * @typedef {object} Mounted
 * @property {HTMLButtonElement} previous
 * @property {HTMLButtonElement} next
 * @property {number} place of the image that is shown, or -1
 * @property {number} count
 * @property {Channel<number>} moves
 * @property {AbortController} leave
 */

import { part } from "../dom.js"
import { openChannel, report, waitingValue } from "../reports.js"

/** @type {WeakMap<Node, Mounted>} */
const mounts = new WeakMap()
// These use the arrow keys themselves.
const OWN_KEYS =
  "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=radiogroup], [role=tablist]"

/** @param {FrontendRendererArgs<{ moved: Report<number>[] }, Data>} component */
export default function stepButtons({ data, parentElement, setStateValue }) {
  const moves = openChannel(data.key, "moved", setStateValue)
  const mounted = mounts.get(parentElement) ?? mount(parentElement, moves)
  mounts.set(parentElement, mounted)
  mounted.count = data.count
  mounted.place = waitingValue(moves, data.revisions.moved) ?? data.place
  update(mounted)
  return () => {
    mounted.leave.abort()
    mounts.delete(parentElement)
  }
}

/** @param {HTMLElement | ShadowRoot} root @param {Channel<number>} moves @returns {Mounted} */
function mount(root, moves) {
  const previous = part(root, ".before", HTMLButtonElement)
  const next = part(root, ".after", HTMLButtonElement)
  /** @type {Mounted} */
  const mounted = { previous, next, place: -1, count: 0, moves, leave: new AbortController() }
  previous.addEventListener("click", () => move(mounted, -1))
  next.addEventListener("click", () => move(mounted, 1))
  document.addEventListener("keydown", event => handleKey(mounted, event), { signal: mounted.leave.signal })
  return mounted
}

/** @param {Mounted} mounted @param {KeyboardEvent} event */
function handleKey(mounted, event) {
  const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0
  if (!step || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
  const [origin] = event.composedPath()
  if (origin instanceof Element && origin.closest(OWN_KEYS)) return
  event.preventDefault()
  move(mounted, step)
}

/** @param {Mounted} mounted @param {number} step */
function move(mounted, step) {
  const place = mounted.place + step
  if (mounted.place < 0 || place < 0 || place >= mounted.count) return
  mounted.place = place
  report(mounted.moves, place, true)
  update(mounted)
}

/** @param {Mounted} mounted */
function update({ previous, next, place, count }) {
  previous.disabled = place <= 0
  next.disabled = place < 0 || place >= count - 1
}
