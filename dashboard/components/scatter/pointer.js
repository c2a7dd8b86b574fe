// What a press of the pointer does: draw an area, move the map, or open an image.

/** @import { Point, ScatterMap } from "./types.ts" */

import { report } from "../reports.js"
import { drawOverlaySoon, drawSoon } from "./draw.js"
import { nearestImage, setHovered } from "./hover.js"
import { selectArea } from "./selection.js"
import { rectangle, simplify, toMap } from "./shapes.js"

const CLICK = 5 // pixels: a shorter drag is a click
const CORNERS = 80 // of an area, at most: it has to fit into the address
const FINE = 10 // steps of a corner's coordinates per unit of the map, as in dashboard/app/map_selection.py

/** @param {ScatterMap} map @param {PointerEvent} down */
export function handlePress(map, down) {
  if (!down.isPrimary || down.button > 1) return
  const { canvas, view } = map
  /** @type {Point} */
  const start = [down.offsetX, down.offsetY]
  const isMoving = down.button === 1 || map.mode === "move"
  const isDrawing = !isMoving && map.mode !== ""
  const end = new AbortController()
  let longest = 0
  /** @type {Point[]} */
  let path = [start]
  if (isMoving || isDrawing) canvas.setPointerCapture(down.pointerId)

  const handleMove = (/** @type {PointerEvent} */ event) => {
    /** @type {Point} */
    const here = [event.offsetX, event.offsetY]
    const [dx, dy] = [here[0] - start[0], here[1] - start[1]]
    longest = Math.max(longest, Math.hypot(dx, dy))
    if (longest < CLICK) return
    setHovered(map, -1)
    if (isMoving) {
      map.view = { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale }
      drawSoon(map)
    } else if (isDrawing) {
      path = map.mode === "box" ? rectangle(start, here) : [...path, here]
      map.path = path
      drawOverlaySoon(map)
    }
  }
  const handleEnd = (/** @type {PointerEvent} */ event) => {
    end.abort()
    map.path = null
    if (event.type === "pointerup" && longest < CLICK) openImage(map, [event.offsetX, event.offsetY])
    else if (event.type === "pointerup" && isDrawing) selectArea(map, cornersOf(map, path))
    drawSoon(map)
  }
  canvas.addEventListener("pointermove", handleMove, { signal: end.signal })
  canvas.addEventListener("pointerup", handleEnd, { signal: end.signal })
  canvas.addEventListener("pointercancel", handleEnd, { signal: end.signal })
}

/** The path's corners as the address will hold them: rounded, and not too many. @param {ScatterMap} map @param {Point[]} path @returns {Point[]} */
function cornersOf(map, path) {
  let slack = 1
  let corners = simplify(path, slack)
  while (corners.length > CORNERS) {
    slack *= 1.5
    corners = simplify(path, slack)
  }
  return corners.map(corner => {
    const [x, y] = toMap(map, corner)
    return [Math.round(x * FINE) / FINE, Math.round(y * FINE) / FINE]
  })
}

/** @param {ScatterMap} map @param {Point} point */
function openImage(map, point) {
  const i = nearestImage(map, point)
  if (i >= 0) report(map.openings, map.ids[i], false)
}
