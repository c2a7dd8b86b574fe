/** @import { Board, Place } from "./types.ts" */

import { closest } from "../dom.js"
import { paint } from "./paint.js"
import { select } from "./selection.js"
import { hideTip, showTip } from "./tip.js"

const LONG_PRESS = 450 // ms

/** Select by click, tap and long press; show what the cell under the pointer says. @param {Board} board */
export function listenForPointer(board) {
  const { canvas, frame } = board
  let timer = 0
  let wasLongPress = false
  frame.addEventListener("pointerdown", event => {
    wasLongPress = false
    if (event.pointerType !== "touch") return
    const place = placeOf(board, event)
    timer = setTimeout(() => {
      wasLongPress = true // the tap that ends it does not select anew
      navigator.vibrate?.(10)
      if (place) select(board, place, true)
    }, LONG_PRESS)
  })
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) frame.addEventListener(name, () => clearTimeout(timer))
  frame.addEventListener("contextmenu", event => {
    if (wasLongPress || (event instanceof PointerEvent && event.pointerType === "touch")) event.preventDefault()
  })
  frame.addEventListener("click", event => {
    const place = placeOf(board, event)
    if (!place || wasLongPress) return
    board.cursor = place
    canvas.focus({ preventScroll: true })
    select(board, place, event.ctrlKey || event.metaKey || event.shiftKey)
  })
  frame.addEventListener("pointermove", event => {
    const place = event.pointerType === "touch" ? null : placeOf(board, event)
    if (!place || place[0] < 0 || place[1] < 0) hideTip(board)
    else showTip(board, place)
  })
  frame.addEventListener("pointerleave", () => hideTip(board))
  canvas.addEventListener("blur", () => {
    hideTip(board)
    paint(board)
  })
  canvas.addEventListener("focus", () => paint(board))
}

/** The cell or header under the pointer, else null. @param {Board} board @param {MouseEvent} event @returns {Place | null} */
function placeOf({ canvas, cell, heads, n }, event) {
  const button = closest(event, "button")
  if (button) {
    const i = Number(button.dataset.place)
    return button.parentElement === heads[0] ? [i, -1] : [-1, i]
  }
  if (event.target !== canvas) return null
  const box = canvas.getBoundingClientRect()
  const row = Math.floor((event.clientY - box.top) / cell)
  const column = Math.floor((event.clientX - box.left) / cell)
  return [row, column].every(i => i >= 0 && i < n) ? [row, column] : null
}
