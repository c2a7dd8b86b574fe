// The grid keeps one tile per image id: a rerun changes only what differs, so images do not reload, the focus stays and
// nothing moves.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @import { Data, Grid, State } from "./types.ts" */

import { part } from "../dom.js"
import { openChannel, waitingValue } from "../reports.js"
import { hideCard, listenForHover, refreshCard } from "./card.js"
import { listenForDrag } from "./drag.js"
import { focusedTile, moveTabStop, tileOf, tilesOf } from "./elements.js"
import { handleClick, handleKey } from "./keys.js"
import { clearSelection, takeSelection } from "./selection.js"
import { buildTile, fillTile, removeTile } from "./tile.js"

/** @type {WeakMap<Node, Grid>} */
const grids = new WeakMap()

/** @param {FrontendRendererArgs<State, Data>} component */
export default function gallery({ data, parentElement, setStateValue }) {
  const openings = openChannel(data.key, "opened", setStateValue)
  const selections = openChannel(data.key, "selected", setStateValue)
  const mounted = grids.get(parentElement)
  const grid = mounted?.list.isConnected ? mounted : mount(parentElement, { openings, selections })
  grids.set(parentElement, grid)
  update(grid, data)
  return () => {
    hideCard(grid)
    clearInterval(grid.dialogTimer)
    grid.leave.abort()
    grids.delete(parentElement)
  }
}

/** @param {HTMLElement | ShadowRoot} root @param {Pick<Grid, "openings" | "selections">} channels @returns {Grid} */
function mount(root, channels) {
  if (!(root instanceof ShadowRoot)) throw new Error("The gallery needs isolated styles.")
  /** @type {Grid} */
  const grid = {
    root,
    stage: part(root, ".stage", HTMLElement),
    list: part(root, ".grid", HTMLElement),
    empty: part(root, ".empty", HTMLElement),
    bar: part(root, ".bar", HTMLElement),
    count: part(root, ".count", HTMLElement),
    lasso: part(root, ".lasso", HTMLElement),
    card: part(root, ".card", HTMLElement),
    tiles: new Map(),
    items: new Map(),
    mode: "",
    selected: new Set(),
    elsewhere: 0,
    others: true,
    anchor: null,
    pointerType: "",
    dragging: false,
    dragged: false,
    cardTile: null,
    cardTimer: 0,
    dialogTimer: 0,
    leave: new AbortController(),
    ...channels,
  }
  grid.list.addEventListener("click", event => handleClick(grid, event))
  grid.list.addEventListener("keydown", event => handleKey(grid, event))
  grid.list.addEventListener("keyup", event => {
    // A held or released space bar would click the button too.
    if (event.key === " " && grid.mode) event.preventDefault()
  })
  grid.list.addEventListener("focusin", event => moveTabStop(grid, tileOf(event)))
  part(grid.bar, ".clear", HTMLElement).addEventListener("click", () => clearSelection(grid))
  listenForDrag(grid)
  listenForHover(grid)
  return grid
}

/** @param {Grid} grid @param {Data} data */
function update(grid, data) {
  const focused = focusedTile(grid)
  const place = focused ? tilesOf(grid).indexOf(focused) : -1
  grid.mode = data.select
  grid.items = new Map(data.items.map(item => [String(item.id), item]))
  describeList(grid, data)
  placeTiles(grid, data)
  waitingValue(grid.openings, data.revisions.opened)
  takeSelection(grid, data)
  refreshCard(grid)

  const tiles = tilesOf(grid)
  const current = tiles.find(tile => tile.getAttribute("aria-current") === "true")
  const refocused = focused?.isConnected ? focused : tiles[Math.min(place, tiles.length - 1)]
  const reachable = tiles.find(tile => tile.tabIndex === 0)
  moveTabStop(grid, refocused ?? current ?? reachable ?? tiles[0])
  if (focused && refocused && grid.root.activeElement !== refocused) refocused.focus({ preventScroll: true })
}

/** @param {Grid} grid @param {Data} data */
function describeList({ list, stage, empty }, data) {
  list.dataset.size = data.size
  list.dataset.select = data.select
  list.setAttribute("role", data.select ? "listbox" : "list")
  if (data.select === "many") list.setAttribute("aria-multiselectable", "true")
  else list.removeAttribute("aria-multiselectable")
  list.setAttribute("aria-label", data.label)
  stage.hidden = data.items.length === 0
  empty.hidden = data.items.length > 0
  empty.textContent = data.empty
}

/** @param {Grid} grid @param {Data} data */
function placeTiles(grid, { current, size }) {
  for (const [id, tile] of grid.tiles) {
    if (!grid.items.has(id)) removeTile(grid, id, tile)
  }
  // A tile already in its place is not touched: moving one would blur it.
  let next = grid.list.firstElementChild
  for (const [id, item] of grid.items) {
    const tile = grid.tiles.get(id) ?? buildTile(grid, id)
    if (next && tile.parentElement === next) next = next.nextElementSibling
    else grid.list.insertBefore(/** @type {HTMLElement} */ (tile.parentElement), next)
    fillTile(grid, tile, item, { isCurrent: item.id === current, isLarge: size === "L" })
  }
}
