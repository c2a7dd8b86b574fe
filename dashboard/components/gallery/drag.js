// Selecting by a rectangle and by a long press.

/** @import { Grid } from "./types.ts" */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box */
/** @typedef {{ x: number, y: number }} Point */

import { part } from "../dom.js"
import { hideCard } from "./card.js"
import { tileOf, tilesOf } from "./elements.js"
import { reportSelection, setSelection, toggleTile } from "./selection.js"

const TREMBLE = 6 // pixels that a hand may move without dragging
const LONG_PRESS = 450 // ms
const EDGE = 56 // pixels from the window's edge where a rectangle begins to scroll the page

/** @param {Grid} grid */
export function listenForDrag(grid) {
  grid.stage.addEventListener("pointerdown", event => {
    grid.pointerType = event.pointerType
    grid.dragged = false
    if (grid.mode !== "many") return
    if (event.pointerType === "touch") startLongPress(grid, event)
    else if (event.button === 0 && event.pointerType === "mouse") startDrag(grid, event)
  })
  grid.list.addEventListener("contextmenu", event => {
    // After a long press, the browser would offer to save the image.
    if (grid.mode === "many" && grid.pointerType === "touch") event.preventDefault()
  })
}

/** @param {Grid} grid @param {PointerEvent} down */
function startLongPress(grid, down) {
  const tile = tileOf(down)
  if (!tile) return
  const end = new AbortController()
  const timer = setTimeout(() => {
    grid.dragged = true // the tap that ends it does not open
    navigator.vibrate?.(10)
    toggleTile(grid, tile)
  }, LONG_PRESS)
  const cancel = () => {
    clearTimeout(timer)
    end.abort()
  }
  const options = { signal: end.signal, capture: true }
  addEventListener(
    "pointermove",
    event => {
      if (distance(event, down) > TREMBLE) cancel()
    },
    options,
  )
  for (const name of ["pointerup", "pointercancel", "scroll"]) addEventListener(name, cancel, options)
}

/**
 * Follow the pointer with a rectangle and select the tiles that it touches; Escape restores the selection from before.
 * @param {Grid} grid
 * @param {PointerEvent} down
 */
function startDrag(grid, down) {
  const before = grid.selected
  const added = down.ctrlKey || down.metaKey || down.shiftKey ? before : new Set()
  const start = pointInStage(grid, down)
  const end = new AbortController()
  const options = { signal: end.signal, capture: true }
  let last = down
  /** @type {(Box & { id: string })[] | null} */
  let boxes = null

  const draw = () => {
    const here = pointInStage(grid, last)
    const box = boxBetween(start, here)
    drawLasso(grid.lasso, box)
    const hits = (boxes ?? []).filter(tile => overlap(tile, box))
    setSelection(grid, [...added, ...hits.map(tile => tile.id)])
  }
  const begin = () => {
    // Measured once: the tiles do not move while a rectangle is drawn.
    boxes = Array.from(grid.tiles, ([id, tile]) => ({ id, ...boxInStage(grid, part(tile, ".photo", HTMLElement)) }))
    grid.dragging = true
    grid.dragged = true
    grid.lasso.hidden = false
    grid.stage.setPointerCapture(down.pointerId)
    hideCard(grid)
    scrollAtEdge()
  }
  const scrollAtEdge = () => {
    if (!grid.dragging) return
    const beyond = last.clientY < EDGE ? last.clientY - EDGE : Math.max(0, last.clientY - innerHeight + EDGE)
    if (beyond) {
      findScroller(grid)?.scrollBy(0, beyond / 3)
      draw()
    }
    requestAnimationFrame(scrollAtEdge)
  }
  const finish = () => {
    end.abort()
    grid.lasso.hidden = true
    grid.dragging = false
  }
  const handleMove = (/** @type {PointerEvent} */ event) => {
    last = event
    if (!boxes && distance(event, down) > TREMBLE) begin()
    if (boxes) draw()
  }
  const handleUp = () => {
    finish()
    if (!boxes) return
    reportSelection(grid)
    // A rectangle that began in a gap leaves the focus elsewhere, and Escape would not be heard here.
    if (!grid.root.activeElement) {
      const reachable = tilesOf(grid).find(tile => tile.tabIndex === 0)
      reachable?.focus({ preventScroll: true })
    }
  }
  const handleCancel = () => {
    finish()
    setSelection(grid, before)
  }
  const handleKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !boxes) return
    event.stopPropagation()
    handleCancel()
  }
  addEventListener("pointermove", handleMove, options)
  addEventListener("pointerup", handleUp, options)
  addEventListener("pointercancel", handleCancel, options)
  addEventListener("keydown", handleKey, options)
}

/** @param {HTMLElement} lasso @param {Box} box */
function drawLasso(lasso, { left, top, right, bottom }) {
  Object.assign(lasso.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` })
}

/** @param {Point} a @param {Point} b @returns {Box} */
function boxBetween(a, b) {
  return { left: Math.min(a.x, b.x), top: Math.min(a.y, b.y), right: Math.max(a.x, b.x), bottom: Math.max(a.y, b.y) }
}

/** @param {Box} a @param {Box} b */
function overlap(a, b) {
  return a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top
}

/** Where the pointer is in the stage; at its edge where the pointer is outside. @param {Grid} grid @param {PointerEvent} event @returns {Point} */
function pointInStage(grid, event) {
  const box = grid.stage.getBoundingClientRect()
  return {
    x: Math.min(Math.max(event.clientX - box.left, 0), box.width),
    y: Math.min(Math.max(event.clientY - box.top, 0), box.height),
  }
}

/** @param {Grid} grid @param {HTMLElement} element @returns {Box} */
function boxInStage(grid, element) {
  const stage = grid.stage.getBoundingClientRect()
  const box = element.getBoundingClientRect()
  return { left: box.left - stage.left, right: box.right - stage.left, top: box.top - stage.top, bottom: box.bottom - stage.top }
}

/** @param {PointerEvent} a @param {PointerEvent} b */
function distance(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)
}

/** What scrolls the grid: Streamlit's main area or the page. @param {Grid} grid */
function findScroller(grid) {
  for (let element = /** @type {Element | null} */ (grid.root.host); element; element = element.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(element).overflowY) && element.scrollHeight > element.clientHeight) return element
  }
  return document.scrollingElement
}
