// Opening a picture, and walking from one to another by key.

const PAUSE = 150 // ms between looks at whether the dialog is still there
const TRIES = 40 // looks until a dialog must have come

function press(grid, event) {
  const tile = event.target.closest(".tile")
  // A rectangle or a long press ends with a click of the pointer; a click of a key is meant.
  if (!tile || (grid.dragged && event.detail > 0)) return
  hideCard(grid)
  rove(grid, tile)
  if (grid.mode && pick(grid, tile, event)) return
  // Shown at once; the server's answer replaces it. If the answer leaves this grid as it is, it must not stay.
  tile.classList.add("pending")
  setTimeout(() => tile.classList.remove("pending"), 1000)
  grid.anchor = tile.dataset.id
  grid.open(Number(tile.dataset.id))
  comeBack(grid, tile)
}

// A dialog that closes gives the focus back to what had it, but does not look into a component: here it is done for it.
function comeBack(grid, tile) {
  let seen = false
  let tries = 0
  clearInterval(grid.watch)
  grid.watch = setInterval(() => {
    const open = document.querySelector("[role=dialog]") !== null
    seen ||= open
    if (open || (!seen && ++tries < TRIES)) return
    clearInterval(grid.watch)
    const lost = document.activeElement === document.body || document.activeElement === null
    if (seen && lost && tile.isConnected) tile.focus({ preventScroll: true })
  }, PAUSE)
}

function key(grid, event) {
  const tile = event.target.closest(".tile")
  if (!tile || event.altKey) return
  const command = event.ctrlKey || event.metaKey
  if (event.key === "Escape") {
    if (grid.selected.size + grid.elsewhere > 0) {
      event.preventDefault()
      event.stopPropagation()
      clear(grid)
    }
    return hideCard(grid)
  }
  if (grid.mode && pickByKey(grid, tile, event, command)) return event.preventDefault()
  if (command || (event.shiftKey && grid.mode !== "many")) return
  const to = step(grid, tile, event.key)
  if (to === null) return
  // Even at an edge: a page that scrolls only then would surprise.
  event.preventDefault()
  if (event.shiftKey) range(grid, to)
  else grid.anchor = to.dataset.id
  to.focus()
}

// Where a key leads from a tile; null where it leads nowhere.
function step(grid, tile, name) {
  const tiles = tilesOf(grid)
  const here = tiles.indexOf(tile)
  const columns = tiles.filter(other => other.offsetTop === tiles[0].offsetTop).length
  const rows = Math.max(1, Math.floor(innerHeight / (tile.parentElement.offsetHeight || 1)) - 1)
  const last = tiles.length - 1
  const column = here % columns
  const lowest = last - ((last - column + columns) % columns)
  const moves = {
    ArrowLeft: here - 1,
    ArrowRight: here + 1,
    ArrowUp: here - columns,
    ArrowDown: here + columns,
    Home: 0,
    End: last,
    PageUp: Math.max(column, here - rows * columns),
    PageDown: Math.min(lowest, here + rows * columns),
  }
  return name in moves ? (tiles[moves[name]] ?? tile) : null
}

// One tile is in the tab order: the grid is a single stop, and Tab returns to where one was.
function rove(grid, tile) {
  if (!tile) return
  for (const other of grid.tiles.values()) other.tabIndex = other === tile ? 0 : -1
}
