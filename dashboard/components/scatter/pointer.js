// What the pointer does: draw an area, move the map, open an image, look at one.

const CLICK = 5 // pixels: a shorter drag is a click
const REACH = 12 // pixels from a dot's middle that still mean it
const CORNERS = 80 // of an area, at most: it has to fit into the address
const FINE = 10 // steps of an area's corners to a unit of the map

function press(map, event) {
  if (!event.isPrimary || event.button > 1) return
  const { canvas } = map
  const start = [event.offsetX, event.offsetY]
  const from = { ...map.view }
  const moving = event.button === 1 || map.mode === "move"
  const drawing = !moving && map.mode !== ""
  let far = 0
  let path = [start]
  if (moving || drawing) canvas.setPointerCapture(event.pointerId)

  const move = event => {
    const here = [event.offsetX, event.offsetY]
    far = Math.max(far, Math.hypot(here[0] - start[0], here[1] - start[1]))
    if (far < CLICK) return
    point(map, -1)
    if (moving) map.view = { ...from, x: from.x - (here[0] - start[0]) / from.scale, y: from.y - (here[1] - start[1]) / from.scale }
    else if (map.mode === "box") map.path = path = box(start, here)
    else if (drawing) map.path = path = [...path, here]
    soon(map, !moving)
  }
  const end = event => {
    for (const [name, listener] of Object.entries(listeners)) canvas.removeEventListener(name, listener)
    map.path = null
    if (event.type === "pointercancel") return soon(map)
    if (far < CLICK) open(map, [event.offsetX, event.offsetY])
    else if (drawing) select(map, corners(map, path))
    return soon(map)
  }
  const listeners = { pointermove: move, pointerup: end, pointercancel: end }
  for (const [name, listener] of Object.entries(listeners)) canvas.addEventListener(name, listener)
}

// The corners as the address will hold them: rounded, and not too many.
function corners(map, path) {
  let slack = 1
  let found = simplified(path, slack)
  while (found.length > CORNERS) found = simplified(path, (slack *= 1.5))
  return found.map(corner => toMap(map, corner).map(value => Math.round(value * FINE) / FINE))
}

function select(map, area) {
  map.area = area
  map.pending = true
  // Dimmed at once; the server's answer confirms it.
  ranks(map)
  map.tell("area", area)
}

function open(map, at) {
  const i = nearest(map, at)
  if (i >= 0) map.tell("opened", map.ids[i])
}

function nearest(map, [x, y]) {
  let [best, at] = [REACH ** 2, -1]
  const [mx, my] = toMap(map, [x, y])
  const scale = map.view.scale ** 2
  for (let i = 0; i < map.ids.length; i++) {
    const off = ((map.points[2 * i] - mx) ** 2 + (map.points[2 * i + 1] - my) ** 2) * scale
    // What the filter left out cannot be opened.
    if (off < best && map.rank[i]) [best, at] = [off, i]
  }
  return at
}

// The card

function hover(map, event) {
  if (event.buttons || event.pointerType === "touch") return
  map.at = [event.offsetX, event.offsetY]
  map.waiting ||= requestAnimationFrame(() => {
    map.waiting = 0
    point(map, nearest(map, map.at))
  })
}

function point(map, i) {
  if (map.over === i) return
  map.over = i
  map.canvas.dataset.over = i >= 0 ? "1" : "0"
  map.card.hidden = i < 0
  clearTimeout(map.asking)
  if (i >= 0) {
    const group = map.groups[map.group[i]]
    map.card.querySelector("i").style.setProperty("--dot", group.colour)
    map.card.querySelector("b").textContent = group.name
    show(map, map.about.get(map.ids[i]))
    place(map, i)
    if (!map.about.has(map.ids[i])) map.asking = setTimeout(() => ask(map, i), 70)
  }
  soon(map, true)
}

async function ask(map, i) {
  const id = map.ids[i]
  const answer = await fetch(`${map.source}/${id}`).catch(() => null)
  const known = answer?.ok && answer.headers.get("content-type")?.startsWith("application/json")
  map.about.set(id, known ? await answer.json() : { name: "not in the catalog any more" })
  if (map.over === i) show(map, map.about.get(id))
}

function show(map, about) {
  const img = map.card.querySelector("img")
  if (about?.src) img.setAttribute("src", about.src)
  else img.removeAttribute("src")
  map.card.querySelector(".note").textContent = about?.name ?? ""
}

function place(map, i) {
  const [x, y] = toScreen(map, [map.points[2 * i], map.points[2 * i + 1]])
  const { card, canvas } = map
  const beside = x + 16 + card.offsetWidth > canvas.clientWidth ? x - 16 - card.offsetWidth : x + 16
  const above = Math.min(Math.max(y - card.offsetHeight / 2, 4), canvas.clientHeight - card.offsetHeight - 4)
  card.style.transform = `translate(${Math.max(beside, 4)}px, ${above}px)`
}
