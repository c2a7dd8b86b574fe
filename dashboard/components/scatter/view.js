// Which part of the map is seen: zoom, arrow keys, and the tools of the bar.

/** @import { Mode, Point, ScatterMap } from "./types.ts" */

import { drawSoon } from "./draw.js"
import { selectArea } from "./selection.js"
import { toMap } from "./shapes.js"

const MARGIN = 28 // pixels around the whole map
const CLOSEST = 60 // times the scale of the whole map
const ZOOM = 1.5 // per click or key

/** Fit the map to the canvas; the view keeps its place and its zoom. @param {ScatterMap} map */
export function fitCanvas(map) {
  const { canvas, points, view } = map
  if (!canvas.clientWidth || !points.length) return
  canvas.style.setProperty("--height", `${Math.min(map.height, Math.round(0.92 * canvas.clientWidth))}px`)
  const before = map.whole
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < points.length; i += 2) {
    left = Math.min(left, points[i])
    right = Math.max(right, points[i])
    top = Math.min(top, points[i + 1])
    bottom = Math.max(bottom, points[i + 1])
  }
  const [width, height] = [right - left || 1, bottom - top || 1]
  const scale = Math.min((canvas.clientWidth - MARGIN) / width, (canvas.clientHeight - MARGIN) / height)
  map.whole = { x: (left + right) / 2, y: (top + bottom) / 2, scale }
  map.view = before ? { ...view, scale: (view.scale * scale) / before.scale } : { ...map.whole }
  drawSoon(map)
}

/** @param {ScatterMap} map */
function showWhole(map) {
  if (map.whole) map.view = { ...map.whole }
  drawSoon(map)
}

/** Zoom about a point of the canvas, which stays where it is; by default its middle. @param {ScatterMap} map @param {number} factor @param {Point} [point] */
function zoom(map, factor, point) {
  const { canvas, view, whole } = map
  if (!whole) return
  const [x, y] = point ?? [canvas.clientWidth / 2, canvas.clientHeight / 2]
  const [mapX, mapY] = toMap(map, [x, y])
  const scale = Math.min(Math.max(view.scale * factor, whole.scale), whole.scale * CLOSEST)
  map.view = { scale, x: mapX - (x - canvas.clientWidth / 2) / scale, y: mapY - (y - canvas.clientHeight / 2) / scale }
  drawSoon(map)
}

/** @param {ScatterMap} map @param {WheelEvent} event */
export function handleWheel(map, event) {
  // The wheel alone scrolls the page, as everywhere; a pinch on a touchpad arrives with ctrlKey.
  if (!event.ctrlKey && !event.metaKey) return
  event.preventDefault()
  zoom(map, Math.exp(-event.deltaY / 200), [event.offsetX, event.offsetY])
}

/** @param {ScatterMap} map @param {KeyboardEvent} event */
export function handleKey(map, event) {
  if (!event.altKey && !event.ctrlKey && !event.metaKey && pressKey(map, event.key)) event.preventDefault()
}

/** Whether the key did something here. @param {ScatterMap} map @param {string} key */
function pressKey(map, key) {
  if (key === "ArrowLeft") pan(map, -1, 0)
  else if (key === "ArrowRight") pan(map, 1, 0)
  else if (key === "ArrowUp") pan(map, 0, -1)
  else if (key === "ArrowDown") pan(map, 0, 1)
  else if (key === "+" || key === "=") zoom(map, ZOOM)
  else if (key === "-") zoom(map, 1 / ZOOM)
  else if (key === "0") showWhole(map)
  else if (key === "Escape" && (map.area?.length || map.picked)) selectArea(map, [])
  else return false
  return true
}

/** Move the view by a key's step to the right and down. @param {ScatterMap} map @param {number} right @param {number} down */
function pan(map, right, down) {
  const step = 60 / map.view.scale
  map.view.x += right * step
  map.view.y += down * step
  drawSoon(map)
}

/** @param {ScatterMap} map @param {Mode} mode */
export function setMode(map, mode) {
  map.mode = mode
  map.canvas.dataset.mode = mode
  for (const button of map.root.querySelectorAll("button")) {
    if (button.dataset.mode) button.setAttribute("aria-pressed", String(button.dataset.mode === mode))
  }
}

/** Do what a button of the bar says; a second click on a mode ends it. @param {ScatterMap} map @param {HTMLElement | null} button */
export function useTool(map, button) {
  if (!button) return
  const mode = /** @type {Mode | undefined} */ (button.dataset.mode)
  if (mode) setMode(map, map.mode === mode ? "" : mode)
  else if (button.dataset.zoom === "whole") showWhole(map)
  else zoom(map, button.dataset.zoom === "in" ? ZOOM : 1 / ZOOM)
}
