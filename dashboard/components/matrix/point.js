// Pointer, finger and keys; what a cell says.

const HOLD = 450 // ms of a long press

function pointing(board) {
  const { canvas, frame: stage } = board
  let timer = 0
  let held = false
  stage.addEventListener("pointerdown", event => {
    held = false
    if (event.pointerType !== "touch") return
    const at = hit(board, event)
    timer = setTimeout(() => {
      held = true // the tap that ends it does not select anew
      navigator.vibrate?.(10)
      if (at) choose(board, at, true)
    }, HOLD)
  })
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) stage.addEventListener(name, () => clearTimeout(timer))
  stage.addEventListener("contextmenu", event => (held || event.pointerType === "touch") && event.preventDefault())
  stage.addEventListener("click", event => {
    const at = hit(board, event)
    if (!at || held) return
    board.at = at
    canvas.focus({ preventScroll: true })
    choose(board, at, event.ctrlKey || event.metaKey || event.shiftKey)
  })
  stage.addEventListener("pointermove", event => {
    const at = event.pointerType === "touch" ? null : hit(board, event)
    if (!at || at[0] < 0 || at[1] < 0) return hideTip(board)
    showTip(board, at)
  })
  stage.addEventListener("pointerleave", () => hideTip(board))
  canvas.addEventListener("blur", () => {
    hideTip(board)
    paint(board)
  })
  canvas.addEventListener("focus", () => paint(board))
}

// The row and column under the pointer, -1 for a header; null beside the matrix.
function hit(board, event) {
  const button = event.target.closest?.("button")
  if (button) {
    const place = Number(button.dataset.place)
    return button.parentElement === board.heads[0] ? [place, -1] : [-1, place]
  }
  if (event.target !== board.canvas) return null
  const box = board.canvas.getBoundingClientRect()
  const at = [event.clientY - box.top, event.clientX - box.left].map(pixels => Math.floor(pixels / board.cell))
  return at.every(place => place >= 0 && place < board.n) ? at : null
}

function keys(board) {
  board.canvas.addEventListener("keydown", event => {
    if (event.altKey) return
    const [row, column] = board.at ?? [0, -1]
    const end = board.n - 1
    const moves = {
      ArrowLeft: [row, row < 0 ? Math.max(column - 1, 0) : column - 1], ArrowRight: [row, column + 1],
      ArrowUp: [column < 0 ? Math.max(row - 1, 0) : row - 1, column], ArrowDown: [row + 1, column],
      Home: [row, 0], End: [row, end], PageUp: [0, column], PageDown: [end, column],
    }
    if (event.key in moves) {
      board.at = (board.at ? moves[event.key] : [0, 0]).map(place => Math.min(Math.max(place, -1), end))
      say(board)
    } else if (event.key === "Enter" || event.key === " ") choose(board, board.at ?? [0, 0], event.key === " ")
    else if (event.key === "Escape" && board.selected.size) {
      board.selected = new Set()
      tell(board)
    } else return
    event.preventDefault()
    event.stopPropagation()
  })
}

function say(board) {
  const [row, column] = board.at
  if (row < 0 || column < 0) {
    hideTip(board)
    const [axis, place] = row < 0 ? [1, column] : [0, row]
    const total = board.data.totals[axis][place].toLocaleString("en")
    board.spoken.textContent = `${board.data.axes[axis]} ${board.data.names[place]}: ${total} images`
  } else {
    showTip(board, board.at)
    board.spoken.textContent = sentences(board, board.at).join(". ")
  }
  paint(board)
}

function sentences(board, [row, column]) {
  const { data, n, counts, limits } = board
  const i = row * n + column
  const [from, to] = [data.names[row], data.names[column]]
  const same = board.ids[row] === board.ids[column]
  const words = same ? data.say.same : data.say.other
  const count = counts[i].toLocaleString("en")
  const share = axis => {
    const total = data.totals[axis][axis ? column : row]
    if (!total) return ""
    const [low, high] = [0, 1].map(side => (limits[(axis * 2 + side) * n * n + i] / 100).toFixed(1))
    const value = (100 * rate(board, i, axis ? "column" : "row")).toFixed(1)
    return `${value}% (${low} to ${high}%) of ${total.toLocaleString("en")} ${data.say.of[axis]} ${axis ? to : from}`
  }
  return [`${words[0]}${from}${words[1]}${same ? "" : to}${words[2]}: ${count}`, share(0), share(1)]
}

function showTip(board, at) {
  const { tip, cell, canvas } = board
  const lines = sentences(board, at)
  Array.from(tip.children).forEach((line, place) => {
    line.textContent = lines[place]
    line.hidden = !lines[place]
  })
  tip.hidden = false
  const left = Math.min(canvas.offsetLeft + at[1] * cell, board.frame.clientWidth - tip.offsetWidth)
  const below = canvas.offsetTop + (at[0] + 1) * cell + 6
  // Beside its cell, never on it: above where there is no room in the window.
  const room = innerHeight - board.frame.getBoundingClientRect().top
  const top = below + tip.offsetHeight <= room ? below : canvas.offsetTop + at[0] * cell - 6 - tip.offsetHeight
  Object.assign(tip.style, { left: `${Math.max(0, left)}px`, top: `${top}px` })
}

function hideTip(board) {
  board.tip.hidden = true
}
