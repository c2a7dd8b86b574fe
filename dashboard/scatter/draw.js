// Painting. A 2-D canvas rather than WebGL: it is there without a graphics card, and 30,000 sprites take some 10 ms.

const FAINT = { hidden: 0.1, outside: 0.16, full: 0.85 }
const GREY = "#7d828a"

function paint(map) {
  map.frame = 0
  const { canvas, pen, points, view } = map
  const ratio = window.devicePixelRatio || 1
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  if (!width || !points) return
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.clearRect(0, 0, width, height)
  const radius = dotRadius(map)
  const theme = getComputedStyle(canvas)
  const colours = { text: theme.getPropertyValue("--st-text-color"), ground: theme.getPropertyValue("--st-background-color") }
  const sprites = map.groups.map(group => group.colour)
  for (const rank of [0, 1, 2]) {
    const alpha = [FAINT.hidden, FAINT.outside, FAINT.full][rank]
    const stamps = rank === 0 ? [stamp(GREY, radius, alpha, ratio)] : sprites.map(colour => stamp(colour, radius, alpha, ratio))
    const half = stamps[0] ? stamps[0].width / ratio / 2 : 0
    for (const i of map.order) {
      if (map.rank[i] !== rank) continue
      const x = (points[2 * i] - view.x) * view.scale + width / 2
      const y = (points[2 * i + 1] - view.y) * view.scale + height / 2
      if (x < -half || y < -half || x > width + half || y > height + half) continue
      pen.drawImage(stamps[rank === 0 ? 0 : map.group[i]], x - half, y - half, 2 * half, 2 * half)
    }
  }
  names(map, width, height, colours)
  outline(map, colours)
  if (map.over >= 0) ring(map, map.over, radius, colours)
}

function dotRadius(map) {
  return Math.min(5, Math.max(1.6, 220 / Math.sqrt(map.order.length))) * Math.min(2.4, (map.view.scale / map.whole.scale) ** 0.4)
}

const stamps = new Map()

// One dot, drawn once for each colour and size, then copied.
function stamp(colour, radius, alpha, ratio) {
  const key = `${colour} ${radius.toFixed(2)} ${alpha} ${ratio}`
  if (stamps.has(key)) return stamps.get(key)
  if (stamps.size > 2000) stamps.clear()
  const canvas = document.createElement("canvas")
  canvas.width = canvas.height = 2 * Math.ceil(radius * ratio + 1)
  const pen = canvas.getContext("2d")
  pen.globalAlpha = alpha
  pen.fillStyle = colour
  pen.arc(canvas.width / 2, canvas.width / 2, radius * ratio, 0, 2 * Math.PI)
  pen.fill()
  stamps.set(key, canvas)
  return canvas
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
