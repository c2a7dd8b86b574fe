/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ time: number, path: string, search: string, answered: string | null }} Message */
/** @typedef {{ id: string, path: string, search: string }} Step */

// On the window: each time that it is mounted, this module may be a new one.
window.scenescopeBack ??= { byHand: false, time: 0, step: null, closing: null }
const shared = window.scenescopeBack
const OPEN = "open" // the parameter of an image that is open in a dialog, as in open_image.py
const EMBED = ["embed", "embed_options"] // Streamlit's own, which Python does not see

/** @param {FrontendRendererArgs<{ step: Step }, { message: Message, listens: boolean }>} component */
export default function browserHistory({ data, setStateValue }) {
  if (!shared.push) listen()
  if (data.listens) {
    const isFirst = !shared.send
    shared.send = step => setStateValue("step", step)
    if (isFirst && shared.step) shared.send(shared.step)
  }
  writeAddress(data.message)
}

/** Bring the address to what Python says. @param {Message} message */
function writeAddress(message) {
  if (message.time <= shared.time) return // parts of the page are drawn in any order
  shared.time = message.time
  if (shared.step && message.answered !== shared.step.id) return
  shared.step = null
  applyAddress(addressOf(message))
}

/** @param {URL} address */
function applyAddress(address) {
  if (shared.closing) {
    shared.closing = address // to be applied where the step back leads
    return
  }
  if (address.pathname === location.pathname && address.search === location.search) return
  const isSamePage = address.pathname === location.pathname
  const wasOpen = new URLSearchParams(location.search).has(OPEN)
  const isOpen = address.searchParams.has(OPEN)
  if (isSamePage && wasOpen && !isOpen) closeImage(address)
  // A walk from one open image to the next is one entry: Back closes the image.
  else if (!isSamePage || (shared.byHand && !(wasOpen && isOpen))) shared.push?.({ opens: isSamePage && isOpen }, "", address)
  else history.replaceState(history.state, "", address)
  shared.byHand = false
}

/** Leave the entry of the image for the one that it was opened from, so that Back does not open it again. @param {URL} address */
function closeImage(address) {
  if (history.state?.opens) {
    shared.closing = address
    history.back()
  } else history.replaceState(history.state, "", address) // opened by a link: there is no such entry
}

/** @param {Message} message */
function addressOf({ path, search }) {
  const address = new URL(path, location.origin)
  const present = new URLSearchParams(location.search)
  const parameters = new URLSearchParams(search)
  for (const name of EMBED) {
    for (const value of present.getAll(name)) parameters.append(name, value)
  }
  address.search = parameters.toString()
  return address
}

/** Finish the closing of an image, of which Python knows; Streamlit need not hear of it. @param {PopStateEvent} event */
function finishClosing(event) {
  const address = shared.closing
  if (!address) return
  event.stopImmediatePropagation()
  shared.closing = null
  applyAddress(address)
}

/** Tell Python about a step back or forward. */
function reportStep() {
  shared.byHand = false
  shared.step = { id: Math.random().toString(36).slice(2), path: location.pathname, search: location.search }
  shared.send?.(shared.step)
}

function listen() {
  const noteHand = () => {
    shared.byHand = true
  }
  for (const name of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(name, noteHand, { capture: true, passive: true })
  }
  shared.push = history.pushState.bind(history)
  history.pushState = () => {}
  // Streamlit's own listener runs first and requests the page too, with the parameters of the page that was left.
  window.addEventListener("popstate", reportStep)
  window.addEventListener("popstate", finishClosing, { capture: true })
  // A step back before this listener was installed was answered by Streamlit, with the parameters of the first load.
  const loaded = performance.getEntriesByType("navigation")[0]?.name
  if (loaded && loaded.split("#")[0] !== location.href.split("#")[0]) reportStep()
}
