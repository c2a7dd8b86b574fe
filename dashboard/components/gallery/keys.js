// Opening an image, and moving from one to another by key.

/** @import { Grid, Tile } from "./types.ts" */

import { report } from "../reports.js"
import { hideCard } from "./card.js"
import { idOf, moveTabStop, tileOf, tilesOf } from "./elements.js"
import { clearSelection, selectByClick, selectByKey, selectRange } from "./selection.js"

const PAUSE = 150 // ms between looks at whether the dialog is still there
const TRIES = 40 // looks until a dialog must have come

/** @param {Grid} grid @param {MouseEvent} event */
export function handleClick(grid, event) {
  const tile = tileOf(event)
  // A rectangle or a long press ends with a click of the pointer; a click of a key is meant.
  if (!tile || (grid.dragged && event.detail > 0)) return
  hideCard(grid)
  moveTabStop(grid, tile)
  if (grid.mode && selectByClick(grid, tile, event)) return
  // Shown at once; the server's answer replaces it. If the answer leaves this grid as it is, it must not stay.
  tile.classList.add("pending")
  setTimeout(() => tile.classList.remove("pending"), 1000)
  grid.anchor = idOf(tile)
  report(grid.openings, Number(idOf(tile)), false)
  restoreFocus(grid, tile)
}

/**
 * Give the focus back to the tile when the dialog closes. Streamlit's dialog does so itself, but does not look into a component.
 * @param {Grid} grid
 * @param {Tile} tile
 */
function restoreFocus(grid, tile) {
  let wasOpen = false
  let tries = 0
  clearInterval(grid.dialogTimer)
  grid.dialogTimer = setInterval(() => {
    const isOpen = document.querySelector("[role=dialog]") !== null
    tries += 1
    if (isOpen) wasOpen = true
    if (isOpen || (!wasOpen && tries < TRIES)) return
    clearInterval(grid.dialogTimer)
    const isLost = document.activeElement === document.body || document.activeElement === null
    if (wasOpen && isLost && tile.isConnected) tile.focus({ preventScroll: true })
  }, PAUSE)
}

/** @param {Grid} grid @param {KeyboardEvent} event */
export function handleKey(grid, event) {
  const tile = tileOf(event)
  if (!tile || event.altKey) return
  if (event.key === "Escape") {
    if (grid.selected.size + grid.elsewhere > 0) {
      event.preventDefault()
      event.stopPropagation()
      clearSelection(grid)
    }
    hideCard(grid)
  } else if (grid.mode && selectByKey(grid, tile, event)) event.preventDefault()
  else moveByKey(grid, tile, event)
}

/** @param {Grid} grid @param {Tile} tile @param {KeyboardEvent} event */
function moveByKey(grid, tile, event) {
  if (event.ctrlKey || event.metaKey || (event.shiftKey && grid.mode !== "many")) return
  const next = nextTile(grid, tile, event.key)
  if (!next) return
  // Even at an edge: a page that scrolls only then would surprise.
  event.preventDefault()
  if (event.shiftKey) selectRange(grid, next)
  else grid.anchor = idOf(next)
  next.focus()
}

/** The tile that a key leads to, the same one at an edge; null for other keys. @param {Grid} grid @param {Tile} tile @param {string} key */
function nextTile(grid, tile, key) {
  const tiles = tilesOf(grid)
  const here = tiles.indexOf(tile)
  const columns = tiles.filter(other => other.offsetTop === tiles[0].offsetTop).length
  const rows = Math.max(1, Math.floor(innerHeight / (tile.parentElement?.offsetHeight || 1)) - 1)
  const last = tiles.length - 1
  const column = here % columns
  const lowest = last - ((last - column + columns) % columns)
  const moves = new Map([
    ["ArrowLeft", here - 1],
    ["ArrowRight", here + 1],
    ["ArrowUp", here - columns],
    ["ArrowDown", here + columns],
    ["Home", 0],
    ["End", last],
    ["PageUp", Math.max(column, here - rows * columns)],
    ["PageDown", Math.min(lowest, here + rows * columns)],
  ])
  const place = moves.get(key)
  return place === undefined ? null : (tiles[place] ?? tile)
}
