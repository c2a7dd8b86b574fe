/** @import { Board, Place } from "./types.ts" */

import { clearSelection, select } from "./selection.js"
import { moveCursor } from "./tip.js"

/** Move by arrow keys, select by Enter, add by Space, clear by Escape. @param {Board} board */
export function listenForKeys(board) {
  board.canvas.addEventListener("keydown", event => {
    if (event.altKey || !handleKey(board, event.key)) return
    event.preventDefault()
    event.stopPropagation()
  })
}

/** Whether the key did something here. @param {Board} board @param {string} key */
function handleKey(board, key) {
  const place = movedPlace(board, key)
  if (place) moveCursor(board, place)
  else if (key === "Enter" || key === " ") select(board, board.cursor ?? [0, 0], key === " ")
  else if (key === "Escape" && board.selected.size) clearSelection(board)
  else return false
  return true
}

/**
 * Where a key leads from the cursor, null for other keys. Left of the first column and above the first row are the headers.
 * @param {Board} board
 * @param {string} key
 * @returns {Place | null}
 */
function movedPlace({ cursor, n }, key) {
  const [row, column] = cursor ?? [0, -1]
  const last = n - 1
  const moves = new Map(
    Object.entries({
      ArrowLeft: [row, row < 0 ? Math.max(column - 1, 0) : column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [column < 0 ? Math.max(row - 1, 0) : row - 1, column],
      ArrowDown: [row + 1, column],
      Home: [row, 0],
      End: [row, last],
      PageUp: [0, column],
      PageDown: [last, column],
    }),
  )
  const move = moves.get(key)
  if (!move) return null
  if (!cursor) return [0, 0]
  const [toRow, toColumn] = move.map(i => Math.min(Math.max(i, -1), last))
  return [toRow, toColumn]
}
