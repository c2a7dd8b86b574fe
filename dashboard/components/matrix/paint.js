/** @import { Board, Place } from "./types.ts" */

import { shareOf, tokenOf } from "./cells.js"

const NUMBERED = 25 // pixels of a cell that has room for a number

/** Draw the cells, what is selected, and the keyboard's cursor. @param {Board} board */
export function paint(board) {
  const { canvas, cell, n, pen, selected } = board
  if (!cell) return
  const density = devicePixelRatio || 1
  const side = cell * n
  const pixels = Math.round(side * density)
  // Assigning a size clears the canvas, even the size that it has.
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels
  const style = getComputedStyle(board.frame)
  pen.setTransform(density, 0, 0, density, 0, 0)
  pen.fillStyle = style.getPropertyValue("--st-background-color")
  pen.fillRect(0, 0, side, side)
  drawCells(board)
  if (cell >= NUMBERED) drawNumbers(board, style)
  pen.strokeStyle = style.getPropertyValue("--st-text-color")
  pen.lineWidth = cell > 12 ? 2.5 : 1.5
  for (const token of selected) drawFrame(board, token)
  const cursor = canvas.matches(":focus-visible") ? board.cursor : null
  if (cursor) drawCursor(board, cursor, style)
  markHeaders(board, cursor)
}

/** @param {Board} board */
function drawCells({ cell, counts, data, n, pen, shades }) {
  const gap = cell > 20 ? 1 : cell > 7 ? 0.5 : 0
  const [errors, right] = [createRamp(data.colours.errors), createRamp(data.colours.right)]
  for (let i = 0; i < n * n; i++) {
    const row = Math.floor(i / n)
    const column = i % n
    const ramp = data.ids[row] === data.ids[column] ? right : errors
    pen.fillStyle = counts[i] ? ramp[shades[i]] : data.colours.ground
    pen.fillRect(column * cell + gap, row * cell + gap, cell - 2 * gap, cell - 2 * gap)
  }
}

/** 256 colours from the first to the last of these, which are "#rrggbb". @param {string[]} colours */
function createRamp(colours) {
  const stops = colours.map(colour => [1, 3, 5].map(i => Number.parseInt(colour.slice(i, i + 2), 16)))
  return Array.from({ length: 256 }, (_, i) => {
    const position = (i / 255) * (stops.length - 1)
    const low = Math.min(Math.floor(position), stops.length - 2)
    const mix = stops[low].map((value, channel) => Math.round(value + (stops[low + 1][channel] - value) * (position - low)))
    return `rgb(${mix.join()})`
  })
}

/** @param {Board} board @param {CSSStyleDeclaration} style */
function drawNumbers(board, style) {
  const { n, cell, counts, data, pen } = board
  const { unit } = data
  const digits = Math.max(...counts).toLocaleString("en").length
  const size = Math.min(14, Math.max(9, (cell - 6) / (0.56 * Math.max(digits, unit === "count" ? 1 : 5))))
  pen.font = `${size}px ${style.fontFamily}`
  pen.textAlign = "center"
  pen.textBaseline = "middle"
  pen.fillStyle = style.getPropertyValue("--st-text-color")
  for (let i = 0; i < n * n; i++) {
    if (!counts[i]) continue
    const [row, column] = [Math.floor(i / n), i % n]
    const text = unit === "count" ? counts[i].toLocaleString("en") : `${(100 * shareOf(board, [row, column], unit)).toFixed(1)}%`
    pen.fillText(text, (column + 0.5) * cell, (row + 0.5) * cell + 1)
  }
}

/** Outline a cell, a row or a column; nothing where its class is not shown. @param {Board} board @param {string} token */
function drawFrame({ cell, data, n, pen }, token) {
  const [row, column] = token.split("-")
  const x = column === "" ? -1 : data.ids.indexOf(Number(column))
  const y = row === "" ? -1 : data.ids.indexOf(Number(row))
  if ((x < 0 && column !== "") || (y < 0 && row !== "")) return
  const half = pen.lineWidth / 2
  const width = (x < 0 ? n : 1) * cell - 2 * half
  const height = (y < 0 ? n : 1) * cell - 2 * half
  pen.strokeRect(Math.max(x, 0) * cell + half, Math.max(y, 0) * cell + half, width, height)
}

/** @param {Board} board @param {Place} cursor @param {CSSStyleDeclaration} style */
function drawCursor(board, cursor, style) {
  const { pen } = board
  pen.save()
  pen.strokeStyle = style.getPropertyValue("--st-link-color") || style.getPropertyValue("--st-primary-color")
  pen.lineWidth = 2.5
  pen.setLineDash([4, 3])
  drawFrame(board, tokenOf(board, cursor))
  pen.restore()
}

/** @param {Board} board @param {Place | null} cursor */
function markHeaders(board, cursor) {
  for (const [axis, strip] of board.heads.entries()) {
    for (const button of strip.querySelectorAll("button")) {
      const i = Number(button.dataset.place)
      /** @type {Place} */
      const place = axis ? [-1, i] : [i, -1]
      button.setAttribute("aria-pressed", String(board.selected.has(tokenOf(board, place))))
      button.classList.toggle("at", cursor !== null && cursor[0] === place[0] && cursor[1] === place[1])
    }
  }
}
