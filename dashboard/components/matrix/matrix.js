// The confusion matrix: cells on a canvas (10,000 of them at 100 classes), headers as buttons. Class names are of unknown origin:
// they enter as textContent, never as HTML.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @import { Board, Data, State } from "./types.ts" */

import { commandKey, contextOf, decodeBytes, part } from "../dom.js"
import { openChannel, waitingValue } from "../reports.js"
import { listenForKeys } from "./keys.js"
import { layOut } from "./layout.js"
import { listenForPointer } from "./pointer.js"
import { hideTip } from "./tip.js"

/** @type {WeakMap<Node, Board>} */
const boards = new WeakMap()

/** @param {FrontendRendererArgs<State, Data>} component */
export default function matrix({ data, parentElement, setStateValue }) {
  const picks = openChannel(data.key, "picked", setStateValue)
  const mounted = boards.get(parentElement)
  const board = mounted?.canvas.isConnected ? mounted : mount(parentElement, data, picks)
  boards.set(parentElement, board)
  update(board, data)
  return () => {
    board.observer.disconnect()
    boards.delete(parentElement)
  }
}

/** @param {HTMLElement | ShadowRoot} root @param {Data} data @param {Board["picks"]} picks @returns {Board} */
function mount(root, data, picks) {
  const canvas = part(root, "canvas", HTMLCanvasElement)
  /** @type {Board} */
  const board = {
    frame: part(root, ".matrix", HTMLElement),
    canvas,
    pen: contextOf(canvas),
    tip: part(root, ".tip", HTMLElement),
    hint: part(root, ".hint", HTMLElement),
    spoken: part(root, ".spoken", HTMLElement),
    heads: [part(root, ".rows", HTMLElement), part(root, ".columns", HTMLElement)],
    axes: [part(root, ".down", HTMLElement), part(root, ".across", HTMLElement)],
    data,
    n: 0,
    counts: new Int32Array(),
    shades: new Uint8Array(),
    limits: new Uint16Array(),
    version: "",
    selected: new Set(),
    cursor: null,
    width: 0,
    cell: 0,
    observer: new ResizeObserver(() => layOut(board)),
    picks,
  }
  board.observer.observe(board.frame)
  listenForPointer(board)
  listenForKeys(board)
  return board
}

/** @param {Board} board @param {Data} data */
function update(board, data) {
  board.data = data
  board.n = data.ids.length
  if (board.version !== data.version) {
    board.version = data.version
    board.counts = new Int32Array(decodeBytes(data.counts).buffer)
    board.shades = decodeBytes(data.shades)
    board.limits = new Uint16Array(decodeBytes(data.limits).buffer)
    buildHeaders(board)
    hideTip(board)
    board.width = 0
  }
  board.selected = new Set(waitingValue(board.picks, data.revisions.picked) ?? data.selected)
  for (const [i, axis] of board.axes.entries()) axis.textContent = data.axes[i]
  board.hint.textContent = matchMedia("(hover: none)").matches
    ? "Tap a cell or a name. Hold one to add it."
    : `Click a cell or a name; ${commandKey()}+click adds one.`
  board.canvas.setAttribute("aria-label", `${data.label}. Arrow keys move, Enter selects, Space adds, Escape clears.`)
  layOut(board)
}

/** @param {Board} board */
function buildHeaders({ data, heads }) {
  for (const [axis, strip] of heads.entries()) {
    const buttons = data.names.map((name, i) => {
      const button = document.createElement("button")
      const text = document.createElement("span")
      button.type = "button"
      button.tabIndex = -1 // the canvas's arrow keys reach them: one stop for Tab
      button.dataset.place = String(i)
      button.dataset.class = String(data.ids[i])
      button.title = name
      button.setAttribute("aria-label", `${data.axes[axis]} ${name}`)
      text.textContent = name
      button.append(text)
      return button
    })
    strip.replaceChildren(...buttons)
  }
}
