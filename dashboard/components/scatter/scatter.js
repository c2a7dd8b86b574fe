// The map keeps its zoom, tool and highlight through reruns; only what differs is decoded anew. Names come from files and folders of
// unknown origin: they enter as textContent or as canvas text, never as HTML.

const maps = new WeakMap()
const DARK = matchMedia("(prefers-color-scheme: dark)")
const LISTED = 24 // groups in the legend

export default function ({ data, parentElement, setTriggerValue }) {
  const known = maps.get(parentElement)
  const map = known?.canvas.isConnected ? known : mount(parentElement)
  maps.set(parentElement, map)
  map.tell = setTriggerValue
  update(map, data)
  return () => {
    map.watch.disconnect()
    DARK.removeEventListener("change", map.repaint)
    maps.delete(parentElement)
  }
}

function mount(root) {
  const canvas = root.querySelector("canvas")
  const coarse = matchMedia("(pointer: coarse)").matches
  const map = {
    root, canvas, pen: canvas.getContext("2d"), card: root.querySelector(".card"), legend: root.querySelector(".legend"),
    sent: {}, about: new Map(), over: -1, light: -1, frame: 0, path: null, area: null, labels: [], groups: [], known: null,
    // A finger that lands on the map while it scrolls the page must not select.
    mode: coarse ? "" : "lasso",
  }
  map.watch = new ResizeObserver(() => resized(map))
  map.watch.observe(canvas)
  map.repaint = () => soon(map)
  DARK.addEventListener("change", map.repaint)
  canvas.addEventListener("pointerdown", event => press(map, event))
  canvas.addEventListener("pointermove", event => hover(map, event))
  canvas.addEventListener("pointerleave", () => point(map, -1))
  canvas.addEventListener("wheel", event => wheel(map, event), { passive: false })
  canvas.addEventListener("keydown", event => key(map, event))
  root.querySelector(".bar").addEventListener("click", event => tool(map, event.target.closest("button")))
  map.legend.addEventListener("click", event => light(map, event.target.closest("button")))
  use(map, map.mode)
  return map
}

function update(map, data) {
  map.height = data.height
  map.canvas.setAttribute("aria-label", data.label)
  map.source = data.source
  map.labels = data.labels
  map.area = data.area
  map.pending = false
  if (map.version !== data.version) {
    map.version = data.version
    map.points = Float64Array.from(new Uint16Array(bytes(data.xy).buffer), step => step / data.steps)
    map.ids = new Int32Array(bytes(data.ids).buffer)
    map.order = shuffled(map.ids.length)
    map.whole = null
    map.about.clear()
    map.over = -1
  }
  if (changed(map, "group", data.group)) map.group = new Uint16Array(bytes(data.group).buffer)
  if (changed(map, "shown", data.shown)) map.shown = data.shown ? bytes(data.shown) : null
  if (changed(map, "picked", data.picked)) map.picked = data.picked ? bytes(data.picked) : null
  if (changed(map, "groups", JSON.stringify(data.groups))) {
    map.groups = data.groups
    map.light = -1
    legend(map)
  }
  resized(map)
  ranks(map)
}

function changed(map, field, text) {
  if (map.sent[field] === text) return false
  map.sent[field] = text
  return true
}

// 2: seen in full, 1: outside of the selection or the highlighted group, 0: left out by the filter.
function ranks(map) {
  const { ids, shown, picked, area, points, light, group } = map
  map.rank = new Uint8Array(ids.length)
  map.layers = [[], [], []]
  for (let i = 0; i < ids.length; i++) {
    if (shown && !bit(shown, i)) continue
    let full = light < 0 || group[i] === light
    if (picked && !map.pending) full &&= bit(picked, i)
    else if (map.pending && area.length) full &&= within(area, points[2 * i], points[2 * i + 1])
    map.rank[i] = full ? 2 : 1
  }
  for (const i of map.order) map.layers[map.rank[i]].push(i)
  soon(map)
}

function bit(mask, i) {
  return (mask[i >> 3] & (128 >> (i & 7))) !== 0
}

// A fixed order that mixes the groups: in the catalog's order the last class would cover the others.
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  let seed = 1
  for (let i = n - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const j = Math.floor((seed / 2 ** 32) * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

function resized(map) {
  const { canvas, points } = map
  if (!canvas.clientWidth || !points) return
  canvas.style.setProperty("--height", `${Math.min(map.height, Math.round(0.92 * canvas.clientWidth))}px`)
  const before = map.whole
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < points.length; i += 2) {
    left = Math.min(left, points[i])
    right = Math.max(right, points[i])
    top = Math.min(top, points[i + 1])
    bottom = Math.max(bottom, points[i + 1])
  }
  const scale = Math.min((canvas.clientWidth - 28) / (right - left || 1), (canvas.clientHeight - 28) / (bottom - top || 1))
  map.whole = { x: (left + right) / 2, y: (top + bottom) / 2, scale }
  map.view = before ? { ...map.view, scale: (map.view.scale * scale) / before.scale } : { ...map.whole }
  soon(map)
}

// Tools

function use(map, mode) {
  map.mode = mode
  map.canvas.dataset.mode = mode
  for (const button of map.root.querySelectorAll("[data-mode]")) {
    if (button !== map.canvas) button.setAttribute("aria-pressed", String(button.dataset.mode === mode))
  }
}

function tool(map, button) {
  if (!button) return
  if (button.dataset.mode) use(map, map.mode === button.dataset.mode ? "" : button.dataset.mode)
  else if (button.dataset.zoom === "whole") whole(map)
  else zoom(map, button.dataset.zoom === "in" ? 1.5 : 1 / 1.5)
}

function whole(map) {
  map.view = { ...map.whole }
  soon(map)
}

function zoom(map, by, at) {
  const { canvas, view } = map
  const [x, y] = at ?? [canvas.clientWidth / 2, canvas.clientHeight / 2]
  const [mx, my] = toMap(map, [x, y])
  const scale = Math.min(Math.max(view.scale * by, map.whole.scale), map.whole.scale * 60)
  map.view = { scale, x: mx - (x - canvas.clientWidth / 2) / scale, y: my - (y - canvas.clientHeight / 2) / scale }
  soon(map)
}

function wheel(map, event) {
  // The wheel alone scrolls the page, as everywhere; a pinch on a touchpad arrives with ctrlKey.
  if (!event.ctrlKey && !event.metaKey) return
  event.preventDefault()
  zoom(map, Math.exp(-event.deltaY / 200), [event.offsetX, event.offsetY])
}

function key(map, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return
  const step = 60 / map.view.scale
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }
  const others = { "+": () => zoom(map, 1.5), "=": () => zoom(map, 1.5), "-": () => zoom(map, 1 / 1.5), "0": () => whole(map) }
  if (event.key in moves) {
    map.view.x += moves[event.key][0]
    map.view.y += moves[event.key][1]
    soon(map)
  } else if (event.key in others) others[event.key]()
  else if (event.key === "Escape" && (map.area?.length || map.picked)) select(map, [])
  else return
  event.preventDefault()
}

// The legend

function legend(map) {
  const present = map.groups.filter(group => group.count)
  if (present.length > LISTED) present.sort((one, other) => other.count - one.count)
  map.legend.replaceChildren(...present.slice(0, LISTED).map(group => {
    const [item, button, dot, name, count] = ["li", "button", "i", "span", "small"].map(tag => document.createElement(tag))
    button.type = "button"
    button.dataset.group = map.groups.indexOf(group)
    button.setAttribute("aria-pressed", "false")
    dot.style.setProperty("--dot", group.colour)
    name.textContent = group.name
    count.textContent = group.count.toLocaleString("en")
    button.append(dot, name, count)
    item.append(button)
    return item
  }))
  if (present.length <= LISTED) return
  const item = document.createElement("li")
  item.className = "more"
  item.textContent = `and ${(present.length - LISTED).toLocaleString("en")} more`
  map.legend.append(item)
}

function light(map, button) {
  if (!button) return
  const group = Number(button.dataset.group)
  map.light = map.light === group ? -1 : group
  for (const other of map.legend.querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(Number(other.dataset.group) === map.light))
  }
  ranks(map)
}
