// What the cell under the pointer or the cursor says, on screen and aloud.

/** @import { Board, Place } from "./types.ts" */

import { describeCell } from "./cells.js"
import { paint } from "./paint.js"

/** @param {Board} board @param {Place} place */
export function showTip(board, place) {
  const { tip, cell, canvas, frame } = board
  const [row, column] = place
  const sentences = describeCell(board, place)
  for (const [i, line] of Array.from(tip.children, child => /** @type {HTMLElement} */ (child)).entries()) {
    line.textContent = sentences[i]
    line.hidden = !sentences[i]
  }
  tip.hidden = false
  const left = Math.min(canvas.offsetLeft + column * cell, frame.clientWidth - tip.offsetWidth)
  const below = canvas.offsetTop + (row + 1) * cell + 6
  // Beside its cell, never on it: above where there is no room in the window.
  const room = innerHeight - frame.getBoundingClientRect().top
  const top = below + tip.offsetHeight <= room ? below : canvas.offsetTop + row * cell - 6 - tip.offsetHeight
  Object.assign(tip.style, { left: `${Math.max(0, left)}px`, top: `${top}px` })
}

/** @param {Board} board */
export function hideTip(board) {
  board.tip.hidden = true
}

/** Draw the keyboard's cursor and say what it is on. @param {Board} board @param {Place} cursor */
export function moveCursor(board, cursor) {
  const { data, spoken } = board
  const [row, column] = cursor
  board.cursor = cursor
  if (row < 0 || column < 0) {
    hideTip(board)
    const axis = row < 0 ? 1 : 0
    const place = row < 0 ? column : row
    spoken.textContent = `${data.axes[axis]} ${data.names[place]}: ${data.totals[axis][place].toLocaleString("en")} images`
  } else {
    showTip(board, cursor)
    spoken.textContent = describeCell(board, cursor).join(". ")
  }
  paint(board)
}
