// What is selected is held by the server. The browser shows a change at once and reports all of it.

/** @import { Grid, ServerSelection, Tile } from "./types.ts" */

import { closest, commandKey } from "../dom.js"
import { report, waitingValue } from "../reports.js"
import { focusedTile, idOf } from "./elements.js"

/** Show what the server holds as selected. @param {Grid} grid @param {ServerSelection} selection */
export function takeSelection(grid, { selected, elsewhere, revisions }) {
  const waiting = waitingValue(grid.selections, revisions.selected)
  if (!waiting) grid.elsewhere = elsewhere
  grid.others = waiting?.others ?? true
  if (!grid.dragging) grid.selected = new Set((waiting?.ids ?? selected).map(String))
  drawSelection(grid)
}

/** @param {Grid} grid */
function drawSelection(grid) {
  const count = grid.selected.size + grid.elsewhere
  for (const [id, tile] of grid.tiles) {
    if (grid.mode) tile.setAttribute("aria-selected", String(grid.selected.has(id)))
    else tile.removeAttribute("aria-selected")
  }
  grid.list.classList.toggle("any", count > 0)
  grid.bar.hidden = grid.mode !== "many" || grid.items.size + count === 0
  grid.bar.classList.toggle("any", count > 0)
  grid.count.textContent = count > 0 ? countText(count, grid.elsewhere) : hintText()
}

/** @param {number} count @param {number} elsewhere */
function countText(count, elsewhere) {
  const all = `${count.toLocaleString("en")} selected`
  return elsewhere ? `${all}, ${elsewhere.toLocaleString("en")} of them on other pages` : all
}

function hintText() {
  if (matchMedia("(hover: none)").matches) return "Hold an image to select it."
  return `Select with ${commandKey()}+click, Shift+click, or a rectangle.`
}

/** Show these as selected, in this order of choice. @param {Grid} grid @param {Iterable<string>} ids */
export function setSelection(grid, ids) {
  grid.selected = new Set(ids)
  drawSelection(grid)
}

/** Report what is selected to the server. @param {Grid} grid */
export function reportSelection(grid) {
  report(grid.selections, { ids: Array.from(grid.selected, Number), others: grid.others }, true)
}

/** Select nothing, on other pages either. @param {Grid} grid */
export function clearSelection(grid) {
  grid.elsewhere = 0
  grid.others = false
  setSelection(grid, [])
  reportSelection(grid)
}

/** @param {Grid} grid @param {Tile} tile */
export function toggleTile(grid, tile) {
  const id = idOf(tile)
  const ids = new Set(grid.selected)
  if (!ids.delete(id)) ids.add(id)
  grid.anchor = id
  setSelection(grid, ids)
  reportSelection(grid)
}

/** Select from the anchor to `tile`; `add` keeps what was selected before. @param {Grid} grid @param {Tile} tile */
export function selectRange(grid, tile, add = false) {
  const ids = Array.from(grid.items.keys())
  const focused = focusedTile(grid)
  const start = ids.indexOf(grid.anchor ?? idOf(focused ?? tile))
  const end = ids.indexOf(idOf(tile))
  const range = ids.slice(Math.min(Math.max(start, 0), end), Math.max(start, end) + 1)
  setSelection(grid, add ? [...grid.selected, ...range] : range)
  reportSelection(grid)
}

/** Whether the click selected; if not, it opens. @param {Grid} grid @param {Tile} tile @param {MouseEvent} event */
export function selectByClick(grid, tile, event) {
  if (grid.mode === "one") {
    setSelection(grid, [idOf(tile)])
    reportSelection(grid)
    return true
  }
  const command = event.ctrlKey || event.metaKey
  const onCheck = closest(event, ".check") !== null
  const isTap = grid.pointerType === "touch" && event.detail > 0 && grid.selected.size > 0
  if (event.shiftKey) selectRange(grid, tile, command || onCheck)
  else if (command || onCheck || isTap) toggleTile(grid, tile)
  else return false
  return true
}

/** Whether the key selected. @param {Grid} grid @param {Tile} tile @param {KeyboardEvent} event */
export function selectByKey(grid, tile, event) {
  if (event.key === " " && grid.mode === "one") tile.click()
  else if (event.key === " ") toggleTile(grid, tile)
  else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && grid.mode === "many") {
    setSelection(grid, grid.items.keys())
    reportSelection(grid)
  } else return false
  return true
}
