// Where cells and headers stand, by the width that there is.

/** @import { Board } from "./types.ts" */

import { paint } from "./paint.js"

const LARGEST = 56 // pixels of a cell
const NAMED = 9 // pixels of a cell from which its row can carry a name
const LONGEST = 128 // pixels of a name

/** Measure again where the width or the names changed, and draw. @param {Board} board */
export function layOut(board) {
  const width = board.frame.clientWidth
  if (width && (width !== board.width || !board.cell)) {
    board.width = width
    measure(board, width)
    placeHeaders(board)
  }
  paint(board)
}

/** @param {Board} board @param {number} width */
function measure(board, width) {
  const { n, frame, data, pen } = board
  pen.font = `bold 13px ${getComputedStyle(frame).fontFamily}` // a selected name is bold
  const longest = Math.min(LONGEST, width * 0.24, Math.max(24, ...data.names.map(name => pen.measureText(name).width + 2)))
  const axes = Math.max(...data.axes.map(text => pen.measureText(text).width))
  const named = (width - longest * 1.75) / n >= NAMED
  const left = named ? Math.max(longest + 10, Math.min(axes, 110) + 10) : Math.min(axes, 110) + 10
  const steep = (width - left) / n < 26
  const right = named && !steep ? longest * 0.72 : 4
  const cell = Math.min(LARGEST, (width - left - right) / n)
  board.cell = cell > 12 ? Math.floor(cell) : cell
  const top = named ? Math.max(40, (steep ? longest : longest * 0.75) + 16) : 40
  frame.classList.toggle("steep", steep)
  frame.classList.toggle("nameless", !named)
  const pixels = {
    left,
    top,
    side: board.cell * n,
    name: longest,
    font: Math.min(13, Math.max(8, board.cell - 1)),
    height: Math.ceil(top + board.cell * n) + 4,
  }
  for (const [name, value] of Object.entries(pixels)) frame.style.setProperty(`--${name}`, `${value}px`)
}

/** @param {Board} board */
function placeHeaders({ cell, heads }) {
  const [rows, columns] = heads.map(strip => strip.querySelectorAll("button"))
  for (const [i, button] of rows.entries()) {
    Object.assign(button.style, {
      top: `${i * cell}px`,
      left: 0,
      width: "var(--left)",
      height: `${cell}px`,
      lineHeight: `${cell}px`,
    })
  }
  for (const [i, button] of columns.entries()) {
    Object.assign(button.style, { left: `${i * cell}px`, top: 0, width: `${cell}px`, height: "var(--top)" })
  }
}
