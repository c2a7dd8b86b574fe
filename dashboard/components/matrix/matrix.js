// The confusion matrix: cells on a canvas (10,000 of them at 100 classes), headers as buttons. A selection shows at once and is
// reported under a rising number; an answer of the server that knows less than was reported is passed over. Class names are
// of unknown origin: they enter as textContent, never as HTML.

const boards = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  const known = boards.get(parentElement)
  const board = known?.canvas.isConnected ? known : mount(parentElement)
  boards.set(parentElement, board)
  board.report = said => setStateValue("picked", said)
  update(board, data)
  return () => {
    board.watch.disconnect()
    boards.delete(parentElement)
  }
}

function mount(root) {
  const part = name => root.querySelector(name)
  const board = {
    root, frame: part(".matrix"), canvas: part("canvas"), tip: part(".tip"), hint: part(".hint"), spoken: part(".spoken"),
    heads: [part(".rows"), part(".columns")], axes: [part(".down"), part(".across")],
    selected: new Set(), revision: -1, at: null, sent: "", cell: 0, ids: [],
  }
  board.watch = new ResizeObserver(() => measure(board))
  board.watch.observe(board.frame)
  pointing(board)
  keys(board)
  return board
}

function update(board, data) {
  board.data = data
  board.ids = data.ids
  board.n = data.ids.length
  if (board.sent !== data.version) {
    board.sent = data.version
    board.counts = new Int32Array(bytes(data.counts))
    board.shades = new Uint8Array(bytes(data.shades))
    board.limits = new Uint16Array(bytes(data.limits))
    head(board)
    hideTip(board)
    board.width = 0
  }
  if (data.revision >= board.revision) {
    board.revision = data.revision
    board.selected = new Set(data.selected)
  }
  board.axes[0].textContent = data.axes[0]
  board.axes[1].textContent = data.axes[1]
  board.hint.textContent = matchMedia("(hover: none)").matches
    ? "Tap a cell or a name. Hold one to add it."
    : `Click a cell or a name; ${/Mac/.test(navigator.platform) ? "Cmd" : "Ctrl"}+click adds one.`
  board.canvas.setAttribute("aria-label", `${data.label}. Arrow keys move, Enter selects, Space adds, Escape clears.`)
  measure(board)
}

function bytes(text) {
  return Uint8Array.from(atob(text), sign => sign.charCodeAt(0)).buffer
}

function head(board) {
  board.heads.forEach((strip, axis) => {
    strip.replaceChildren(...board.data.names.map((name, place) => {
      const [button, span] = ["button", "span"].map(tag => document.createElement(tag))
      button.type = "button"
      button.tabIndex = -1 // the canvas's arrow keys reach them: one stop for Tab
      button.dataset.place = place
      button.dataset.class = board.ids[place]
      button.title = name
      button.setAttribute("aria-label", `${board.data.axes[axis]} ${name}`)
      span.textContent = name
      button.append(span)
      return button
    }))
  })
}

// A selection is a set of texts: "3-2" a cell, "3-" a row, "-2" a column, by the classes' numbers.
function token(board, [row, column]) {
  return `${row < 0 ? "" : board.ids[row]}-${column < 0 ? "" : board.ids[column]}`
}

function choose(board, at, add) {
  const chosen = token(board, at)
  const alone = board.selected.size === 1 && board.selected.has(chosen)
  if (add) board.selected.has(chosen) ? board.selected.delete(chosen) : board.selected.add(chosen)
  else board.selected = new Set(alone ? [] : [chosen])
  tell(board)
}

function tell(board) {
  board.revision += 1
  board.report({ cells: Array.from(board.selected), revision: board.revision })
  paint(board)
}
