// A selection shows at once, and all of it is reported.

/** @import { Board, Place } from "./types.ts" */

import { report } from "../reports.js"
import { tokenOf } from "./cells.js"
import { paint } from "./paint.js"

/** Select a cell, row or column: alone, or with `add` beside what is selected. @param {Board} board @param {Place} place @param {boolean} add */
export function select(board, place, add) {
  const token = tokenOf(board, place)
  const isSelected = board.selected.has(token)
  if (!add) board.selected = new Set(isSelected && board.selected.size === 1 ? [] : [token])
  else if (isSelected) board.selected.delete(token)
  else board.selected.add(token)
  reportSelection(board)
}

/** @param {Board} board */
export function clearSelection(board) {
  board.selected = new Set()
  reportSelection(board)
}

/** @param {Board} board */
function reportSelection(board) {
  report(board.picks, Array.from(board.selected), true)
  paint(board)
}
