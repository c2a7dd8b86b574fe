// A selection shows at once and is reported under a rising number; an answer of the server that knows less than was reported is
// passed over.

/** @import { Board, Place } from "./types.ts" */

import { tokenOf } from "./cells.js"
import { paint } from "./paint.js"

/** Select a cell, row or column: alone, or with `add` beside what is selected. @param {Board} board @param {Place} place @param {boolean} add */
export function select(board, place, add) {
  const token = tokenOf(board, place)
  const isSelected = board.selected.has(token)
  if (!add) board.selected = new Set(isSelected && board.selected.size === 1 ? [] : [token])
  else if (isSelected) board.selected.delete(token)
  else board.selected.add(token)
  report(board)
}

/** @param {Board} board */
export function clearSelection(board) {
  board.selected = new Set()
  report(board)
}

/** @param {Board} board */
function report(board) {
  board.revision += 1
  board.sendPicked({ cells: Array.from(board.selected), revision: board.revision })
  paint(board)
}
