// Where things stand, and the cells themselves.

const LARGEST = 56 // pixels of a cell
const NAMED = 9 // pixels of a cell from which its row can carry a name
const NUMBERED = 25 // pixels of a cell that has room for a number
const LONGEST = 128 // pixels of a name

function measure(board) {
  const width = board.frame.clientWidth
  if (!width || (width === board.width && board.cell)) return paint(board)
  board.width = width
  const { n, frame, data } = board
  const pen = board.canvas.getContext("2d")
  pen.font = `bold 13px ${getComputedStyle(frame).fontFamily}` // a chosen name is bold
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
  const set = (name, value) => frame.style.setProperty(name, value)
  set("--left", `${left}px`)
  set("--top", `${top}px`)
  set("--side", `${board.cell * n}px`)
  set("--name", `${longest}px`)
  set("--font", `${Math.min(13, Math.max(8, board.cell - 1))}px`)
  set("--height", `${Math.ceil(top + board.cell * n) + 4}px`)
  board.heads.forEach((strip, axis) => {
    for (const button of strip.children) {
      const at = `${button.dataset.place * board.cell}px`
      const side = `${board.cell}px`
      Object.assign(button.style, axis
        ? { left: at, top: 0, width: side, height: `${top}px` }
        : { top: at, left: 0, width: `${left}px`, height: side, lineHeight: side })
    }
  })
  paint(board)
}

function paint(board) {
  const { canvas, cell, n, data, counts, shades } = board
  if (!cell) return
  const dense = devicePixelRatio || 1
  const side = cell * n
  if (canvas.width !== Math.round(side * dense)) canvas.width = canvas.height = Math.round(side * dense)
  const pen = canvas.getContext("2d")
  const style = getComputedStyle(board.root.host ?? board.frame)
  pen.setTransform(dense, 0, 0, dense, 0, 0)
  pen.fillStyle = style.getPropertyValue("--st-background-color")
  pen.fillRect(0, 0, side, side)
  const gap = cell > 20 ? 1 : cell > 7 ? 0.5 : 0
  const ramps = [ramp(data.colours.errors), ramp(data.colours.right)]
  for (let i = 0; i < n * n; i++) {
    const row = Math.floor(i / n)
    const column = i % n
    const right = board.ids[row] === board.ids[column]
    pen.fillStyle = counts[i] ? ramps[right ? 1 : 0][shades[i]] : data.colours.ground
    pen.fillRect(column * cell + gap, row * cell + gap, cell - 2 * gap, cell - 2 * gap)
  }
  if (cell >= NUMBERED) numbers(board, pen, style)
  pen.strokeStyle = style.getPropertyValue("--st-text-color")
  pen.lineWidth = cell > 12 ? 2.5 : 1.5
  for (const chosen of board.selected) frame(board, pen, chosen.split("-"))
  const at = board.canvas.matches(":focus-visible") ? board.at : null
  if (at) cursor(board, pen, style)
  board.heads.forEach((strip, axis) => {
    for (const button of strip.children) {
      const place = Number(button.dataset.place)
      const chosen = board.selected.has(token(board, axis ? [-1, place] : [place, -1]))
      button.setAttribute("aria-pressed", String(chosen))
      button.classList.toggle("at", Boolean(at) && at[axis ? 0 : 1] < 0 && at[axis] === place)
    }
  })
}

// 256 colours from the first to the last.
function ramp(colours) {
  const parts = colours.map(colour => [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16)))
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (parts.length - 1)
    const low = Math.min(Math.floor(at), parts.length - 2)
    const mixed = parts[low].map((part, channel) => Math.round(part + (parts[low + 1][channel] - part) * (at - low)))
    return `rgb(${mixed.join()})`
  })
}

function numbers(board, pen, style) {
  const { n, cell, counts, data } = board
  const digits = Math.max(...counts).toLocaleString("en").length
  const size = Math.min(14, Math.max(9, (cell - 6) / (0.56 * Math.max(digits, data.unit === "count" ? 1 : 5))))
  pen.font = `${size}px ${getComputedStyle(board.frame).fontFamily}`
  pen.textAlign = "center"
  pen.textBaseline = "middle"
  pen.fillStyle = style.getPropertyValue("--st-text-color")
  for (let i = 0; i < n * n; i++) {
    if (!counts[i]) continue
    const text = data.unit === "count" ? counts[i].toLocaleString("en") : `${(100 * rate(board, i, data.unit)).toFixed(1)}%`
    pen.fillText(text, ((i % n) + 0.5) * cell, (Math.floor(i / n) + 0.5) * cell + 1)
  }
}

// The share of the cell in its row ("row") or column ("column").
function rate(board, i, unit) {
  const total = unit === "row" ? board.data.totals[0][Math.floor(i / board.n)] : board.data.totals[1][i % board.n]
  return total ? board.counts[i] / total : 0
}

function frame(board, pen, [row, column]) {
  const { cell, n } = board
  const across = column === "" ? -1 : board.ids.indexOf(Number(column))
  const down = row === "" ? -1 : board.ids.indexOf(Number(row))
  if ((across < 0 && column !== "") || (down < 0 && row !== "")) return
  const half = pen.lineWidth / 2
  const x = Math.max(across, 0) * cell + half
  const y = Math.max(down, 0) * cell + half
  pen.strokeRect(x, y, (across < 0 ? n : 1) * cell - 2 * half, (down < 0 ? n : 1) * cell - 2 * half)
}

function cursor(board, pen, style) {
  const [row, column] = board.at
  pen.save()
  pen.strokeStyle = style.getPropertyValue("--st-link-color") || style.getPropertyValue("--st-primary-color")
  pen.lineWidth = 2.5
  pen.setLineDash([4, 3])
  frame(board, pen, token(board, [row, column]).split("-"))
  pen.restore()
}
