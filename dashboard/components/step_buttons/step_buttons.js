// Previous and Next, by click and arrow key. The browser counts where the person is; it reports the place to the server, not the step, so
// that presses which come while an image is being drawn are not lost. An answer that knows less than was reported is passed over.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ place: number, revision: number }} Report */
/** @typedef {{ key: string, place: number, count: number, revision: number }} Data */
/** @typedef {{ place: number, count: number, revision: number }} Steps */
/**
 * @typedef {object} Mounted
 * @property {HTMLButtonElement} previous
 * @property {HTMLButtonElement} next
 * @property {Steps} steps
 * @property {AbortController} leave
 * @property {(report: Report) => void} sendMoved
 */

import { part } from "../dom.js"

/** @type {WeakMap<Node, Mounted>} */
const mounts = new WeakMap()
// On the window and by the component's key: a component that is mounted anew while an image is drawn goes on where it was.
window.scenescopeSteps ??= new Map()
/** @type {Map<string, Steps>} */
const stepsByKey = window.scenescopeSteps
// These use the arrow keys themselves.
const OWN_KEYS =
  "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=radiogroup], [role=tablist]"

/** @param {FrontendRendererArgs<{ moved: Report }, Data>} component */
export default function stepButtons({ data, parentElement, setStateValue }) {
  const steps = stepsByKey.get(data.key) ?? { place: 0, count: 0, revision: -1 }
  stepsByKey.set(data.key, steps)
  const mounted = mounts.get(parentElement) ?? mount(parentElement, steps)
  mounts.set(parentElement, mounted)
  mounted.sendMoved = report => setStateValue("moved", report)
  mounted.steps.count = data.count
  if (data.revision >= mounted.steps.revision) {
    mounted.steps.revision = data.revision
    mounted.steps.place = data.place
  }
  update(mounted)
  return () => {
    mounted.leave.abort()
    mounts.delete(parentElement)
  }
}

/** @param {HTMLElement | ShadowRoot} root @param {Steps} steps @returns {Mounted} */
function mount(root, steps) {
  const previous = part(root, ".before", HTMLButtonElement)
  const next = part(root, ".after", HTMLButtonElement)
  /** @type {Mounted} */
  const mounted = { previous, next, steps, leave: new AbortController(), sendMoved: () => {} }
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
  const { steps } = mounted
  const place = steps.place + step
  if (steps.place < 0 || place < 0 || place >= steps.count) return
  steps.place = place
  steps.revision += 1
  mounted.sendMoved({ place, revision: steps.revision })
  update(mounted)
}

/** @param {Mounted} mounted */
function update({ previous, next, steps: { place, count } }) {
  previous.disabled = place <= 0
  next.disabled = place < 0 || place >= count - 1
}
