// The map keeps its zoom, tool and highlight through reruns; only what differs is decoded anew. Names come from files and folders of
// unknown origin: they enter as textContent or as canvas text, never as HTML.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @import { Data, ScatterMap, State } from "./types.ts" */

import { closest, contextOf, decodeBytes, part } from "../dom.js"
import { openChannel, waitingValue } from "../reports.js"
import { drawSoon } from "./draw.js"
import { handleHover, setHovered } from "./hover.js"
import { fillLegend, highlightGroup } from "./legend.js"
import { handlePress } from "./pointer.js"
import { rankImages, shuffledOrder } from "./selection.js"
import { fitCanvas, handleKey, handleWheel, setMode, useTool } from "./view.js"

/** @type {WeakMap<Node, ScatterMap>} */
const maps = new WeakMap()
const DARK = matchMedia("(prefers-color-scheme: dark)")

/** @param {FrontendRendererArgs<State, Data>} component */
export default function scatter({ data, parentElement, setStateValue }) {
  const openings = openChannel(data.key, "opened", setStateValue)
  const areas = openChannel(data.key, "area", setStateValue)
  const mounted = maps.get(parentElement)
  const map = mounted?.canvas.isConnected ? mounted : mount(parentElement, { openings, areas })
  maps.set(parentElement, map)
  update(map, data)
  return () => {
    map.observer.disconnect()
    DARK.removeEventListener("change", map.repaint)
    maps.delete(parentElement)
  }
}

/** @param {HTMLElement | ShadowRoot} root @param {Pick<ScatterMap, "openings" | "areas">} channels @returns {ScatterMap} */
function mount(root, channels) {
  const canvas = part(root, "canvas", HTMLCanvasElement)
  const isCoarse = matchMedia("(pointer: coarse)").matches
  /** @type {ScatterMap} */
  const map = {
    root,
    canvas,
    pen: contextOf(canvas),
    card: part(root, ".card", HTMLElement),
    legend: part(root, ".legend", HTMLElement),
    height: 0,
    source: "",
    sent: new Map(),
    points: new Float64Array(),
    ids: new Int32Array(),
    order: new Uint32Array(),
    group: new Uint16Array(),
    groups: [],
    labels: [],
    shown: null,
    picked: null,
    area: null,
    pending: false,
    // A finger that lands on the map while it scrolls the page must not select.
    mode: isCoarse ? "" : "lasso",
    highlight: -1,
    rank: new Uint8Array(),
    layers: [[], [], []],
    view: { x: 0, y: 0, scale: 1 },
    whole: null,
    path: null,
    pixels: null,
    ground: "",
    stale: true,
    frame: 0,
    pointer: [0, 0],
    hovered: -1,
    hoverFrame: 0,
    factsTimer: 0,
    facts: new Map(),
    observer: new ResizeObserver(() => fitCanvas(map)),
    repaint: () => drawSoon(map),
    ...channels,
  }
  map.observer.observe(canvas)
  DARK.addEventListener("change", map.repaint)
  canvas.addEventListener("pointerdown", event => handlePress(map, event))
  canvas.addEventListener("pointermove", event => handleHover(map, event))
  canvas.addEventListener("pointerleave", () => setHovered(map, -1))
  canvas.addEventListener("wheel", event => handleWheel(map, event), { passive: false })
  canvas.addEventListener("keydown", event => handleKey(map, event))
  part(root, ".bar", HTMLElement).addEventListener("click", event => useTool(map, closest(event, "button")))
  map.legend.addEventListener("click", event => highlightGroup(map, closest(event, "button")))
  setMode(map, map.mode)
  return map
}

/** @param {ScatterMap} map @param {Data} data */
function update(map, data) {
  map.height = data.height
  map.canvas.setAttribute("aria-label", data.label)
  map.source = data.source
  map.labels = data.labels
  waitingValue(map.openings, data.revisions.opened)
  const waiting = waitingValue(map.areas, data.revisions.area)
  map.area = waiting ?? data.area
  map.pending = waiting !== undefined
  if (hasChanged(map, "version", data.version)) {
    map.points = Float64Array.from(new Uint16Array(decodeBytes(data.xy).buffer), step => step / data.steps)
    map.ids = new Int32Array(decodeBytes(data.ids).buffer)
    map.order = shuffledOrder(map.ids.length)
    map.whole = null
    map.facts.clear()
    map.hovered = -1
  }
  if (hasChanged(map, "group", data.group)) map.group = new Uint16Array(decodeBytes(data.group).buffer)
  if (hasChanged(map, "shown", data.shown)) map.shown = data.shown === null ? null : decodeBytes(data.shown)
  if (hasChanged(map, "picked", data.picked)) map.picked = data.picked === null ? null : decodeBytes(data.picked)
  if (hasChanged(map, "groups", JSON.stringify(data.groups))) {
    // A selection changes the counts alone, and leaves the highlighted group as it is.
    const group = data.groups[map.highlight]
    if (!group?.shown || group.name !== map.groups[map.highlight].name) map.highlight = -1
    map.groups = data.groups
    fillLegend(map)
  }
  fitCanvas(map)
  rankImages(map)
}

/** Whether a field's text differs from the one that is decoded. @param {ScatterMap} map @param {string} field @param {string | null} text */
function hasChanged({ sent }, field, text) {
  if (sent.get(field) === text) return false
  sent.set(field, text)
  return true
}
