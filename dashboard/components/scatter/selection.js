// Which images are seen in full: what the filter, the selection and the highlighted group leave.

/** @import { Point, ScatterMap } from "./types.ts" */

import { report } from "../reports.js"
import { drawSoon } from "./draw.js"
import { isInside } from "./shapes.js"

/** Select what lies in an area; an empty one ends the selection. @param {ScatterMap} map @param {Point[]} area */
export function selectArea(map, area) {
  map.area = area
  map.pending = true
  // Dimmed at once; the server's answer confirms it.
  rankImages(map)
  report(map.areas, area, true)
}

/** Rank all images and draw them. @param {ScatterMap} map */
export function rankImages(map) {
  const { ids, shown, picked, pending, area, points, highlight, group } = map
  map.rank = new Uint8Array(ids.length)
  map.layers = [[], [], []]
  for (let i = 0; i < ids.length; i++) {
    if (shown && !readBit(shown, i)) continue
    let isFull = highlight < 0 || group[i] === highlight
    if (picked && !pending) isFull &&= readBit(picked, i)
    else if (pending && area?.length) isFull &&= isInside(area, points[2 * i], points[2 * i + 1])
    map.rank[i] = isFull ? 2 : 1
  }
  for (const i of map.order) map.layers[map.rank[i]].push(i)
  drawSoon(map)
}

/** @param {Uint8Array} mask @param {number} i */
function readBit(mask, i) {
  return (mask[i >> 3] & (128 >> (i & 7))) !== 0
}

/** A fixed order that mixes the groups: in the catalog's order the last class would cover the others. @param {number} count */
export function shuffledOrder(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  let seed = 1
  for (let i = count - 1; i > 0; i--) {
    // A linear congruential generator: the order must be the same each time, which Math.random cannot promise.
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const j = Math.floor((seed / 2 ** 32) * (i + 1))
    const swapped = order[i]
    order[i] = order[j]
    order[j] = swapped
  }
  return order
}
