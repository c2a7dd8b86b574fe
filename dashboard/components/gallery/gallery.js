// The grid keeps one tile per image id: a rerun changes only what differs, so pictures do not reload, the focus stays and
// nothing moves. Names come from files and folders of unknown origin: they enter as textContent, never as HTML.

const grids = new WeakMap()

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const known = grids.get(parentElement)
  const grid = known?.list.isConnected ? known : mount(parentElement)
  grids.set(parentElement, grid)
  grid.open = id => setTriggerValue("opened", id)
  grid.report = report => setStateValue("selected", report)
  update(grid, data)
  return () => {
    hideCard(grid)
    clearInterval(grid.watch)
    grid.leave.abort()
    grids.delete(parentElement)
  }
}

function mount(root) {
  const part = name => root.querySelector(name)
  const grid = {
    root, stage: part(".stage"), list: part(".grid"), empty: part(".empty"),
    bar: part(".bar"), count: part(".count"), lasso: part(".lasso"), card: part(".card"),
    tiles: new Map(), items: new Map(), mode: "",
    selected: new Set(), elsewhere: 0, others: true, revision: -1, anchor: null,
    leave: new AbortController(),
  }
  grid.list.addEventListener("click", event => press(grid, event))
  grid.list.addEventListener("keydown", event => key(grid, event))
  // A held or released space bar would click the button too.
  grid.list.addEventListener("keyup", event => event.key === " " && grid.mode && event.preventDefault())
  grid.list.addEventListener("focusin", event => rove(grid, event.target.closest(".tile")))
  picking(grid)
  hovering(grid)
  return grid
}

function update(grid, { items, size, select, current, label, empty, ...chosen }) {
  const focused = grid.root.activeElement?.closest?.(".tile") ?? null
  const place = focused ? tilesOf(grid).indexOf(focused) : -1

  grid.mode = select
  grid.list.dataset.size = size
  grid.list.dataset.select = select
  grid.list.setAttribute("role", select ? "listbox" : "list")
  if (select === "many") grid.list.setAttribute("aria-multiselectable", "true")
  else grid.list.removeAttribute("aria-multiselectable")
  grid.list.setAttribute("aria-label", label)
  grid.stage.hidden = items.length === 0
  grid.empty.hidden = items.length > 0
  grid.empty.textContent = empty
  grid.items = new Map(items.map(item => [String(item.id), item]))
  for (const [id, tile] of grid.tiles) {
    if (grid.items.has(id)) continue
    tile.parentElement.remove()
    // What has not come yet would hold up the pictures that take its place.
    const img = tile.querySelector("img")
    setSrcset(img, "")
    img.removeAttribute("src")
    grid.tiles.delete(id)
    grid.selected.delete(id)
  }

  // A tile already in its place is not touched: moving one would blur it.
  let next = grid.list.firstElementChild
  for (const [id, item] of grid.items) {
    const tile = grid.tiles.get(id) ?? build(grid, id)
    if (tile.parentElement === next) next = next.nextElementSibling
    else grid.list.insertBefore(tile.parentElement, next)
    fill(grid, tile, item, current !== null && item.id === current, size === "L")
  }
  choose(grid, chosen)
  refreshCard(grid)

  const tiles = tilesOf(grid)
  const marked = tiles.find(tile => tile.getAttribute("aria-current") === "true")
  const kept = focused?.isConnected ? focused : tiles[Math.min(place, tiles.length - 1)]
  const reachable = tiles.find(tile => tile.tabIndex === 0)
  rove(grid, kept ?? marked ?? reachable ?? tiles[0])
  if (focused && kept && grid.root.activeElement !== kept) kept.focus({ preventScroll: true })
}

function build(grid, id) {
  const item = element("li", "item")
  const tile = element("button", "tile")
  const photo = element("span", "photo")
  const img = document.createElement("img")
  const badge = element("span", "badge")
  item.setAttribute("role", "presentation")
  tile.type = "button"
  tile.tabIndex = -1
  tile.dataset.id = id
  // Set before the source: a lazy image must be lazy before it is asked for.
  img.loading = "lazy"
  img.decoding = "async"
  img.width = 150
  img.height = 150
  img.draggable = false
  img.addEventListener("error", () => explain(photo, img))
  img.addEventListener("load", () => {
    photo.classList.remove("broken")
    tile.removeAttribute("aria-description")
  })
  badge.append(text("span"))
  const check = element("span", "check")
  check.setAttribute("aria-hidden", "true")
  photo.append(img, text("span", "missing"), text("span", "stale"), badge, check)
  tile.append(photo, text("span", "caption"))
  item.append(tile)
  grid.tiles.set(id, tile)
  return tile
}

function fill(grid, tile, item, current, large) {
  const part = name => tile.querySelector(name)
  const photo = part(".photo")
  const img = part("img")
  const spoken = item.alt || [item.caption, item.badge, ...item.notes].filter(Boolean).join(", ")
  if (img.dataset.src !== item.src) {
    photo.classList.remove("broken", "changed")
    img.dataset.src = item.src
    setSrcset(img, "")
    img.src = item.src
  }
  // A large tile on a dense screen has more pixels than the thumbnail.
  const sources = `${item.src} 1x, ${item.preview} 2x`
  const dense = large && item.preview && sources !== img.dataset.failed && !photo.matches(".broken, .changed")
  setSrcset(img, dense ? sources : "")
  img.alt = spoken
  write(part(".caption"), item.caption)
  write(part(".badge span"), item.badge)
  part(".badge").hidden = !item.badge
  const notes = Array.from(tile.querySelectorAll(".note"))
  notes.slice(item.notes.length).forEach(note => note.remove())
  item.notes.forEach((line, place) => {
    if (!notes[place]) tile.append(notes[place] = text("span", "note"))
    write(notes[place], line)
  })
  paint(photo, "--frame", item.colour)
  paint(part(".badge"), "--dot", item.badge_colour)
  // The card says more than the browser's own tooltip; both at once would lie on each other.
  const title = hasCard(item) ? "" : [item.caption, ...item.notes].filter(Boolean).join("\n")
  if (tile.title !== title) tile.title = title
  tile.setAttribute("aria-label", spoken)
  if (grid.mode) tile.setAttribute("role", "option")
  else tile.removeAttribute("role")
  tile.parentElement.setAttribute("role", grid.mode ? "presentation" : "listitem")
  if (current) tile.setAttribute("aria-current", "true")
  else tile.removeAttribute("aria-current")
  tile.classList.remove("pending")
}

// Assigning `srcset` loads the picture again, even where it stays empty: in an error handler that would be a request without end.
function setSrcset(img, sources) {
  if (img.srcset !== sources) img.srcset = sources
}

// The server says in words why a picture is not there, and where the present one is if the file was rewritten.
async function explain(photo, img) {
  if (img.srcset) {
    // The larger picture is not there: the thumbnail may be.
    img.dataset.failed = img.srcset
    return setSrcset(img, "")
  }
  const source = img.dataset.src
  const asked = img.getAttribute("src")
  const missing = photo.querySelector(".missing")
  photo.classList.add("broken")
  missing.textContent = img.alt
  const answer = await fetch(asked).catch(() => null)
  if (!answer || answer.ok || img.getAttribute("src") !== asked) return
  const reason = (await answer.text()).slice(0, 200)
  const now = answer.headers.get("Content-Location")
  if (now && now !== source && asked === source) {
    write(photo.querySelector(".stale"), reason)
    photo.classList.add("changed")
    img.src = now
  } else {
    photo.classList.remove("changed")
    missing.textContent = reason
    photo.parentElement.setAttribute("aria-description", reason)
  }
}

function tilesOf(grid) {
  return Array.from(grid.list.querySelectorAll(".tile"))
}

function element(tag, name = "") {
  const node = document.createElement(tag)
  node.className = name
  return node
}

// A direction of its own: a right-to-left name does not turn round what stands beside it.
function text(tag, name) {
  const node = element(tag, name)
  node.dir = "auto"
  return node
}

function write(node, words) {
  const value = words ?? ""
  if (node.textContent !== value) node.textContent = value
  node.hidden = value === "" && !node.closest(".badge")
}

function paint(node, property, colour) {
  if (colour) node.style.setProperty(property, colour)
  else node.style.removeProperty(property)
}
