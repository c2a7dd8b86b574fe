// Painting. The dots are written into the pixels: without a graphics card 30,000 of them take some 10 ms, where drawing each by the
// canvas took ten times as long and WebGL may not be there at all.

const ALPHA = [0.1, 0.16, 0.85] // by rank: left out by the filter, outside of the selection, seen in full
const GREY = "#7d828a"

function soon(map, onlyOver = false) {
  if (!onlyOver) map.stale = true
  map.frame ||= requestAnimationFrame(() => paint(map))
}

function paint(map) {
  map.frame = 0
  const { canvas, pen } = map
  const ratio = window.devicePixelRatio || 1
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  if (!width || !height || !map.points) return
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    map.image = null
  }
  const theme = getComputedStyle(canvas)
  const colours = { text: theme.getPropertyValue("--st-text-color"), ground: theme.getPropertyValue("--st-background-color") }
  const radius = dotRadius(map)
  if (map.stale || !map.image || map.ground !== colours.ground) dots(map, radius * ratio, ratio, colours.ground)
  pen.putImageData(map.image, 0, 0)
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  names(map, width, height, colours)
  outline(map, colours)
  if (map.over >= 0) ring(map, map.over, radius, colours)
}

// As large as the room for each dot allows, and somewhat larger where one looks closer.
function dotRadius({ canvas, ids, view, whole }) {
  const room = Math.sqrt((canvas.clientWidth * canvas.clientHeight) / ids.length)
  return Math.min(4.5, Math.max(1.5, 0.27 * room)) * Math.min(2.4, (view.scale / whole.scale) ** 0.4)
}

function dots(map, radius, ratio, ground) {
  const { canvas, view, points, group } = map
  const { width, height } = canvas
  map.image ??= map.pen.createImageData(width, height)
  const pixels = map.image.data
  new Uint32Array(pixels.buffer).fill(new Uint32Array(Uint8Array.from([...rgb(ground), 255]).buffer)[0])
  const disc = discOf(radius, width)
  const scale = view.scale * ratio
  const [left, top] = [width / 2 - view.x * scale, height / 2 - view.y * scale]
  const reach = Math.ceil(radius) + 1
  const colours = map.groups.map(one => rgb(one.colour))
  for (const rank of [0, 1, 2]) {
    const alphas = disc.cover.map(share => Math.round(256 * share * ALPHA[rank]))
    for (const i of map.layers[rank]) {
      const x = Math.round(points[2 * i] * scale + left)
      const y = Math.round(points[2 * i + 1] * scale + top)
      if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue
      const [r, g, b] = rank === 0 ? rgb(GREY) : colours[group[i]]
      const whole = x >= reach && y >= reach && x < width - reach && y < height - reach
      const at = 4 * (y * width + x)
      for (let k = 0; k < alphas.length; k++) {
        if (!whole && (x + disc.dx[k] < 0 || x + disc.dx[k] >= width || y + disc.dy[k] < 0 || y + disc.dy[k] >= height)) continue
        const p = at + disc.step[k]
        const a = alphas[k]
        pixels[p] += ((r - pixels[p]) * a) >> 8
        pixels[p + 1] += ((g - pixels[p + 1]) * a) >> 8
        pixels[p + 2] += ((b - pixels[p + 2]) * a) >> 8
      }
    }
  }
  map.ground = ground
  map.stale = false
}

// The pixels of a dot about its middle: where they lie, and how much of each it covers.
function discOf(radius, width) {
  const found = { dx: [], dy: [], step: [], cover: [] }
  const reach = Math.ceil(radius)
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)))
      if (share === 0) continue
      found.dx.push(dx)
      found.dy.push(dy)
      found.step.push(4 * (dy * width + dx))
      found.cover.push(share)
    }
  }
  return found
}

const seen = new Map()

// Any colour of CSS as red, green and blue.
function rgb(colour) {
  if (!seen.has(colour)) {
    const canvas = document.createElement("canvas")
    canvas.width = canvas.height = 1
    const pen = canvas.getContext("2d")
    pen.fillStyle = colour
    pen.fillRect(0, 0, 1, 1)
    seen.set(colour, [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)])
  }
  return seen.get(colour)
}

// Names at the middle of their groups; one that would cover an earlier, larger group's is left to the legend.
function names(map, width, height, { text, ground }) {
  const { pen, view } = map
  const taken = []
  pen.font = `600 14px ${getComputedStyle(map.canvas).fontFamily}`
  pen.textAlign = "center"
  pen.textBaseline = "middle"
  pen.lineJoin = "round"
  for (const label of map.labels) {
    const x = (label.x - view.x) * view.scale + width / 2
    const y = (label.y - view.y) * view.scale + height / 2
    const half = pen.measureText(label.text).width / 2 + 6
    if (x < half || y < 12 || x > width - half || y > height - 12) continue
    if (taken.some(other => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < 20)) continue
    taken.push({ x, y, half })
    pen.lineWidth = 4
    pen.strokeStyle = ground
    pen.strokeText(label.text, x, y)
    pen.fillStyle = text
    pen.fillText(label.text, x, y)
  }
}

// The area that is selected, or that is being drawn.
function outline(map, { text }) {
  const path = map.path ?? (map.area ?? []).map(corner => toScreen(map, corner))
  if (path.length < 2) return
  const { pen } = map
  pen.beginPath()
  path.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)))
  pen.closePath()
  pen.globalAlpha = 0.07
  pen.fillStyle = text
  pen.fill("evenodd")
  pen.globalAlpha = 0.8
  pen.lineWidth = 1.5
  pen.setLineDash([6, 4])
  pen.strokeStyle = text
  pen.stroke()
  pen.setLineDash([])
  pen.globalAlpha = 1
}

function ring(map, i, radius, { text }) {
  const [x, y] = toScreen(map, [map.points[2 * i], map.points[2 * i + 1]])
  map.pen.beginPath()
  map.pen.arc(x, y, radius + 3, 0, 2 * Math.PI)
  map.pen.lineWidth = 2
  map.pen.strokeStyle = text
  map.pen.stroke()
}

function toScreen({ canvas, view }, [x, y]) {
  return [(x - view.x) * view.scale + canvas.clientWidth / 2, (y - view.y) * view.scale + canvas.clientHeight / 2]
}

function toMap({ canvas, view }, [x, y]) {
  return [(x - canvas.clientWidth / 2) / view.scale + view.x, (y - canvas.clientHeight / 2) / view.scale + view.y]
}
