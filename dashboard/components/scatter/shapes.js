// Plain geometry, in pixels or in the map's own units.

/** @import { Point, ScatterMap } from "./types.ts" */

/**
 * Whether a polygon holds a point by the even-odd rule: edge for edge what engine/embeddings/projection.py computes, so that what is
 * dimmed at once is what the server answers.
 * @param {Point[]} polygon
 * @param {number} x
 * @param {number} y
 */
export function isInside(polygon, x, y) {
  let inside = false
  for (let i = 0; i < polygon.length; i++) {
    const [ax, ay] = polygon[i]
    const [bx, by] = polygon[(i + 1) % polygon.length]
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside
  }
  return inside
}

/**
 * Fewer corners, none of those left out farther than `slack` from the line that replaces it (Douglas and Peucker, 1973).
 * @param {Point[]} path
 * @param {number} slack
 */
export function simplify(path, slack) {
  const isCorner = new Uint8Array(path.length)
  isCorner[0] = isCorner[path.length - 1] = 1
  const spans = [[0, path.length - 1]]
  // A list instead of recursion: a long path may split thousands of times in a row.
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [start, end] = span
    let worst = slack
    let corner = -1
    for (let i = start + 1; i < end; i++) {
      const distance = distanceToLine(path[i], path[start], path[end])
      if (distance > worst) {
        worst = distance
        corner = i
      }
    }
    if (corner < 0) continue
    isCorner[corner] = 1
    spans.push([start, corner], [corner, end])
  }
  return path.filter((_, i) => isCorner[i])
}

/** @param {Point} point @param {Point} start @param {Point} end */
function distanceToLine([x, y], [ax, ay], [bx, by]) {
  const length = Math.hypot(bx - ax, by - ay)
  return length ? Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length : Math.hypot(x - ax, y - ay)
}

/** The rectangle between two opposite corners. @param {Point} a @param {Point} b @returns {Point[]} */
export function rectangle([ax, ay], [bx, by]) {
  return [
    [ax, ay],
    [bx, ay],
    [bx, by],
    [ax, by],
  ]
}

/** From the map's units to pixels of the canvas. @param {ScatterMap} map @param {Point} point @returns {Point} */
export function toCanvas({ canvas, view }, [x, y]) {
  return [(x - view.x) * view.scale + canvas.clientWidth / 2, (y - view.y) * view.scale + canvas.clientHeight / 2]
}

/** From pixels of the canvas to the map's units. @param {ScatterMap} map @param {Point} point @returns {Point} */
export function toMap({ canvas, view }, [x, y]) {
  return [(x - canvas.clientWidth / 2) / view.scale + view.x, (y - canvas.clientHeight / 2) / view.scale + view.y]
}

/** The position of an image on the canvas. @param {ScatterMap} map @param {number} i */
export function pointOnCanvas(map, i) {
  return toCanvas(map, [map.points[2 * i], map.points[2 * i + 1]])
}
