// The card of the image under the pointer.

/** @import { ImageFacts, Point, ScatterMap } from "./types.ts" */

import { part } from "../dom.js"
import { drawOverlaySoon } from "./draw.js"
import { pointOnCanvas, toMap } from "./shapes.js"

const REACH = 12 // pixels from a dot's middle that still mean it
const DELAY = 70 // ms that the pointer rests before the server is asked about an image

/** The image nearest to a point of the canvas, -1 where none is near. @param {ScatterMap} map @param {Point} point */
export function nearestImage(map, point) {
  const [x, y] = toMap(map, point)
  const scale = map.view.scale ** 2
  let smallest = REACH ** 2
  let nearest = -1
  for (let i = 0; i < map.ids.length; i++) {
    const distance = ((map.points[2 * i] - x) ** 2 + (map.points[2 * i + 1] - y) ** 2) * scale
    // What the filter left out cannot be opened.
    if (distance < smallest && map.rank[i]) {
      smallest = distance
      nearest = i
    }
  }
  return nearest
}

/** Look for the image under the pointer, once per frame. @param {ScatterMap} map @param {PointerEvent} event */
export function handleHover(map, event) {
  if (event.buttons || event.pointerType === "touch") return
  map.pointer = [event.offsetX, event.offsetY]
  map.hoverFrame ||= requestAnimationFrame(() => {
    map.hoverFrame = 0
    setHovered(map, nearestImage(map, map.pointer))
  })
}

/** Show the card of an image; with -1, hide it. @param {ScatterMap} map @param {number} i */
export function setHovered(map, i) {
  if (map.hovered === i) return
  map.hovered = i
  map.canvas.dataset.over = i >= 0 ? "1" : "0"
  map.card.hidden = i < 0
  clearTimeout(map.factsTimer)
  if (i >= 0) {
    const group = map.groups[map.group[i]]
    const facts = map.facts.get(map.ids[i])
    part(map.card, "i", HTMLElement).style.setProperty("--dot", group.colour)
    part(map.card, "b", HTMLElement).textContent = group.name
    showFacts(map, facts)
    placeCard(map, i)
    if (!facts) map.factsTimer = setTimeout(() => loadFacts(map, i), DELAY)
  }
  drawOverlaySoon(map)
}

/** @param {ScatterMap} map @param {number} i */
async function loadFacts(map, i) {
  const id = map.ids[i]
  const response = await fetch(`${map.source}/${id}`).catch(() => null)
  const isKnown = response?.ok && response.headers.get("content-type")?.startsWith("application/json")
  /** @type {ImageFacts} */
  const facts = isKnown ? await response.json() : { name: "not in the catalog any more" }
  map.facts.set(id, facts)
  // Another image may be under the pointer by now.
  if (map.hovered === i) showFacts(map, facts)
}

/** @param {ScatterMap} map @param {ImageFacts | undefined} facts */
function showFacts({ card }, facts) {
  const img = part(card, "img", HTMLImageElement)
  if (facts?.src) img.setAttribute("src", facts.src)
  else img.removeAttribute("src")
  part(card, ".note", HTMLElement).textContent = facts?.name ?? ""
}

/** @param {ScatterMap} map @param {number} i */
function placeCard(map, i) {
  const { card, canvas } = map
  const [x, y] = pointOnCanvas(map, i)
  const left = x + 16 + card.offsetWidth > canvas.clientWidth ? x - 16 - card.offsetWidth : x + 16
  const top = Math.min(Math.max(y - card.offsetHeight / 2, 4), canvas.clientHeight - card.offsetHeight - 4)
  card.style.transform = `translate(${Math.max(left, 4)}px, ${top}px)`
}
