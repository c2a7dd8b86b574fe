// The grid keeps one tile per image id: a rerun changes only what differs, so pictures do not reload, the focus stays and
// nothing moves. Names come from files and folders of unknown origin: they enter as textContent, never as HTML.

const grids = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const known = grids.get(parentElement)
  const grid = known?.list.isConnected ? known : mount(parentElement)
  grids.set(parentElement, grid)
  grid.open = id => setTriggerValue("clicked", id)
  update(grid, data)
  return () => grids.delete(parentElement)
}

function mount(root) {
  const list = root.querySelector(".grid")
  const grid = { root, list, empty: root.querySelector(".empty"), tiles: new Map(), open: () => {} }
  list.addEventListener("click", event => press(grid, event.target.closest(".tile")))
  list.addEventListener("keydown", event => step(grid, event))
  list.addEventListener("focusin", event => rove(grid, event.target.closest(".tile")))
  return grid
}

function update(grid, { items, size, selected, label, empty }) {
  const focused = grid.root.activeElement?.closest?.(".tile") ?? null
  const place = focused ? tilesOf(grid).indexOf(focused) : -1

  grid.list.dataset.size = size
  grid.list.setAttribute("aria-label", label)
  grid.list.hidden = items.length === 0
  grid.empty.hidden = items.length > 0
  grid.empty.textContent = empty

  const wanted = new Map(items.map(item => [String(item.id), item]))
  for (const [id, tile] of grid.tiles) {
    if (!wanted.has(id)) {
      tile.parentElement.remove()
      grid.tiles.delete(id)
    }
  }

  // A tile already in its place is not touched: moving one would blur it.
  let next = grid.list.firstElementChild
  for (const [id, item] of wanted) {
    const tile = grid.tiles.get(id) ?? build(grid, id)
    if (tile.parentElement === next) next = next.nextElementSibling
    else grid.list.insertBefore(tile.parentElement, next)
    fill(tile, item, selected !== null && id === String(selected))
  }

  const tiles = tilesOf(grid)
  const current = tiles.find(tile => tile.getAttribute("aria-current") === "true")
  const kept = focused?.isConnected ? focused : tiles[Math.min(place, tiles.length - 1)]
  const reachable = tiles.find(tile => tile.tabIndex === 0)
  rove(grid, kept ?? current ?? reachable ?? tiles[0])
  if (focused && kept && grid.root.activeElement !== kept) kept.focus({ preventScroll: true })
}

function build(grid, id) {
  const item = element("li", "item")
  const tile = element("button", "tile")
  const photo = element("span", "photo")
  const img = document.createElement("img")
  const badge = element("span", "badge")
  tile.type = "button"
  tile.tabIndex = -1
  tile.dataset.id = id
  // Set before the source: a lazy image must be lazy before it is asked for.
  img.loading = "lazy"
  img.decoding = "async"
  img.width = 150
  img.height = 150
  img.draggable = false
  img.addEventListener("error", () => photo.classList.add("broken"))
  img.addEventListener("load", () => photo.classList.remove("broken"))
  badge.append(document.createElement("span"))
  const check = element("span", "check")
  check.textContent = "✓"
  check.setAttribute("aria-hidden", "true")
  photo.append(img, element("span", "missing"), badge, check)
  tile.append(photo, element("span", "caption"), element("span", "note"))
  item.append(tile)
  grid.tiles.set(id, tile)
  return tile
}

function fill(tile, item, current) {
  const part = name => tile.querySelector(name)
  const photo = part(".photo")
  const img = part("img")
  const title = [item.caption, item.note].filter(Boolean).join("\n")
  const spoken = item.alt || [item.caption, item.badge, item.note].filter(Boolean).join(", ")

  if (img.getAttribute("src") !== item.src) {
    photo.classList.remove("broken")
    img.setAttribute("src", item.src)
  }
  img.alt = spoken
  write(part(".missing"), spoken)
  write(part(".caption"), item.caption)
  write(part(".note"), item.note)
  write(part(".badge span"), item.badge)
  part(".badge").hidden = !item.badge
  paint(photo, "--frame", item.colour)
  paint(part(".badge"), "--dot", item.badge_colour)
  if (tile.title !== title) tile.title = title
  tile.setAttribute("aria-label", spoken)
  if (current) tile.setAttribute("aria-current", "true")
  else tile.removeAttribute("aria-current")
  tile.classList.remove("pending")
}

function press(grid, tile) {
  if (!tile) return
  // Shown at once; the server's answer replaces it. If the answer leaves this grid as it is, it must not stay.
  tile.classList.add("pending")
  setTimeout(() => tile.classList.remove("pending"), 1000)
  rove(grid, tile)
  grid.open(Number(tile.dataset.id))
}

function step(grid, event) {
  const tile = event.target.closest(".tile")
  if (!tile || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
  const tiles = tilesOf(grid)
  const here = tiles.indexOf(tile)
  const columns = tiles.filter(other => other.offsetTop === tiles[0].offsetTop).length
  const moves = {
    ArrowLeft: here - 1,
    ArrowRight: here + 1,
    ArrowUp: here - columns,
    ArrowDown: here + columns,
    Home: 0,
    End: tiles.length - 1,
  }
  if (!(event.key in moves)) return
  // Even at an edge: a page that scrolls only then would surprise.
  event.preventDefault()
  tiles[moves[event.key]]?.focus()
}

// One tile is in the tab order: the grid is a single stop, and Tab returns to where one was.
function rove(grid, tile) {
  if (!tile) return
  for (const other of grid.tiles.values()) other.tabIndex = other === tile ? 0 : -1
}

function tilesOf(grid) {
  return Array.from(grid.list.querySelectorAll(".tile"))
}

function element(tag, name) {
  const node = document.createElement(tag)
  node.className = name
  return node
}

function write(node, text) {
  const value = text ?? ""
  if (node.textContent !== value) node.textContent = value
  node.hidden = value === "" && !node.closest(".badge")
}

function paint(node, property, colour) {
  if (colour) node.style.setProperty(property, colour)
  else node.style.removeProperty(property)
}
