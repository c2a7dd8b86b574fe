// The list of what runs in the background. It is fetched at intervals while the tab is visible; a row that is still there is changed in
// place, so that the focus and a press on its button are never lost.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ name: string, title: string, state: string, text: string, share: number, url: string }} Row */
/**
 * @typedef {object} Mounted
 * @property {HTMLElement} root
 * @property {HTMLButtonElement} toggle
 * @property {HTMLElement} count
 * @property {HTMLElement} panel
 * @property {HTMLElement} list
 * @property {HTMLElement} message
 * @property {Map<string, HTMLElement>} rows
 * @property {number} timer
 * @property {AbortController} leave
 */

import { part } from "../../components/dom.js"

const WATCHING = 1000 // milliseconds between two looks while the list is open
const WAITING = 3000
/** @type {WeakMap<Node, Mounted>} */
const mounts = new WeakMap()

/** @param {FrontendRendererArgs} component */
export default function activity({ parentElement }) {
  if (!mounts.has(parentElement)) mounts.set(parentElement, mount(parentElement))
  return () => {
    const mounted = mounts.get(parentElement)
    if (!mounted) return
    mounted.leave.abort()
    clearTimeout(mounted.timer)
    mounts.delete(parentElement)
  }
}

/** @param {HTMLElement | ShadowRoot} parent @returns {Mounted} */
function mount(parent) {
  /** @type {Mounted} */
  const mounted = {
    root: part(parent, ".activity", HTMLElement),
    toggle: part(parent, ".toggle", HTMLButtonElement),
    count: part(parent, ".count", HTMLElement),
    panel: part(parent, ".panel", HTMLElement),
    list: part(parent, ".list", HTMLElement),
    message: part(parent, ".message", HTMLElement),
    rows: new Map(),
    timer: 0,
    leave: new AbortController(),
  }
  const { signal } = mounted.leave
  mounted.toggle.addEventListener("click", () => open(mounted, mounted.panel.hidden === true))
  document.addEventListener("visibilitychange", () => look(mounted), { signal })
  document.addEventListener("pointerdown", event => closeOutside(mounted, event), { signal })
  mounted.root.addEventListener("keydown", event => {
    if (event.key !== "Escape" || mounted.panel.hidden) return
    event.stopPropagation()
    open(mounted, false)
    mounted.toggle.focus()
  })
  look(mounted)
  return mounted
}

/** @param {Mounted} mounted @param {boolean} isOpen */
function open(mounted, isOpen) {
  mounted.panel.hidden = !isOpen
  mounted.toggle.setAttribute("aria-expanded", String(isOpen))
  mounted.message.textContent = ""
  if (isOpen) look(mounted)
}

/** @param {Mounted} mounted @param {Event} event */
function closeOutside(mounted, event) {
  if (!mounted.panel.hidden && !event.composedPath().includes(mounted.root)) open(mounted, false)
}

/** Fetches and draws the list, and again after a while. @param {Mounted} mounted */
async function look(mounted) {
  clearTimeout(mounted.timer)
  if (document.hidden) return
  const response = await fetch("/activity", { signal: mounted.leave.signal }).catch(() => null)
  /** @type {Row[] | null} */
  const rows = response?.ok ? await response.json().catch(() => null) : null
  if (mounted.leave.signal.aborted) return
  // A server that does not answer says nothing about what runs: the list stays as it was.
  if (rows) draw(mounted, rows)
  clearTimeout(mounted.timer)
  mounted.timer = setTimeout(() => look(mounted), mounted.panel.hidden ? WAITING : WATCHING)
}

/** @param {Mounted} mounted @param {Row[]} rows */
function draw(mounted, rows) {
  const names = new Set(rows.map(row => row.name))
  for (const [name, element] of mounted.rows) {
    if (names.has(name)) continue
    if (element.matches(":focus-within")) mounted.toggle.focus()
    element.remove()
    mounted.rows.delete(name)
  }
  for (const [place, row] of rows.entries()) {
    const element = mounted.rows.get(row.name) ?? addRow(mounted, row)
    // Only where it stands elsewhere: moving an element takes the focus from it.
    if (mounted.list.children[place] !== element) mounted.list.insertBefore(element, mounted.list.children[place] ?? null)
    update(element, row)
  }
  mounted.count.textContent = String(rows.length)
  mounted.toggle.setAttribute("aria-label", `${rows.length} running`)
  if (!rows.length) open(mounted, false)
  mounted.root.hidden = !rows.length
}

/** @param {Mounted} mounted @param {Row} row */
function addRow(mounted, row) {
  const element = document.createElement("li")
  element.className = "row"
  const title = document.createElement("a")
  title.className = "title"
  const text = document.createElement("span")
  text.className = "text"
  const bar = document.createElement("progress")
  const stop = document.createElement("button")
  stop.type = "button"
  stop.className = "stop"
  stop.addEventListener("click", () => requestStop(mounted, row.name, stop))
  element.append(title, bar, text, stop)
  mounted.rows.set(row.name, element)
  return element
}

/** @param {HTMLElement} element @param {Row} row */
function update(element, row) {
  const title = part(element, ".title", HTMLAnchorElement)
  title.textContent = row.title
  title.href = row.url
  part(element, ".text", HTMLElement).textContent = row.text
  const bar = part(element, "progress", HTMLProgressElement)
  bar.value = row.share
  bar.setAttribute("aria-label", row.title)
  const stop = part(element, ".stop", HTMLButtonElement)
  const isStopping = row.state === "stopping"
  stop.disabled = isStopping
  stop.textContent = isStopping ? "Stopping" : "Stop"
  stop.setAttribute("aria-label", `${stop.textContent} ${row.title}`)
}

/** @param {Mounted} mounted @param {string} name @param {HTMLButtonElement} button */
async function requestStop(mounted, name, button) {
  button.disabled = true
  const response = await fetch(`/activity/stop?${new URLSearchParams({ name })}`, { method: "POST" }).catch(() => null)
  mounted.message.textContent = response?.ok ? "" : ((await response?.text()) ?? "The server does not answer.")
  look(mounted)
}
