// Painting. The dots are written into the pixels: without a graphics card 30,000 of them take some 10 ms, where drawing each by the
// canvas took ten times as long and WebGL may not be there at all.

/** @import { ScatterMap } from "./types.ts" */
/** @typedef {{ text: string, ground: string }} Colours */

import { contextOf } from "../dom.js"
import { pointOnCanvas, toCanvas } from "./shapes.js"

const ALPHA = [0.1, 0.16, 0.85] // by rank
const GREY = "#7d828a"

/** Draw everything with the next frame. @param {ScatterMap} map */
export function drawSoon(map) {
  map.stale = true
  drawOverlaySoon(map)
}

/** Draw what lies over the dots with the next frame: names, outline and ring. @param {ScatterMap} map */
export function drawOverlaySoon(map) {
  map.frame ||= requestAnimationFrame(() => draw(map))
}

/** @param {ScatterMap} map */
function draw(map) {
  map.frame = 0
  const { canvas, pen } = map
  const ratio = window.devicePixelRatio || 1
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  if (!width || !height || !map.whole) return
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    map.pixels = null
  }
  const theme = getComputedStyle(canvas)
  const colours = { text: theme.getPropertyValue("--st-text-color"), ground: theme.getPropertyValue("--st-background-color") }
  const radius = dotRadius(map, map.whole.scale)
  if (map.stale || !map.pixels || map.ground !== colours.ground) {
    map.pixels ??= pen.createImageData(canvas.width, canvas.height)
    drawDots(map, map.pixels, radius * ratio, ratio, colours.ground)
    map.ground = colours.ground
    map.stale = false
  }
  pen.putImageData(map.pixels, 0, 0)
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  drawNames(map, width, height, colours)
  drawOutline(map, colours)
  if (map.hovered >= 0) drawRing(map, map.hovered, radius, colours)
}

/** As large as the room for each dot allows, and somewhat larger in a closer view. @param {ScatterMap} map @param {number} wholeScale */
function dotRadius({ canvas, ids, view }, wholeScale) {
  const room = Math.sqrt((canvas.clientWidth * canvas.clientHeight) / ids.length)
  return Math.min(4.5, Math.max(1.5, 0.27 * room)) * Math.min(2.4, (view.scale / wholeScale) ** 0.4)
}

/**
 * @param {ScatterMap} map
 * @param {ImageData} image
 * @param {number} radius in device pixels
 * @param {number} ratio device pixels per CSS pixel
 * @param {string} ground
 */
function drawDots(map, image, radius, ratio, ground) {
  const { view, points, group } = map
  const { width, height, data } = image
  new Uint32Array(data.buffer).fill(new Uint32Array(Uint8Array.from([...rgb(ground), 255]).buffer)[0])
  const disc = createDisc(radius, width)
  const scale = view.scale * ratio
  const [left, top] = [width / 2 - view.x * scale, height / 2 - view.y * scale]
  const reach = Math.ceil(radius) + 1
  const colours = map.groups.map(one => rgb(one.colour))
  const grey = rgb(GREY)
  for (const rank of [0, 1, 2]) {
    const alphas = disc.cover.map(share => Math.round(256 * share * ALPHA[rank]))
    for (const i of map.layers[rank]) {
      const x = Math.round(points[2 * i] * scale + left)
      const y = Math.round(points[2 * i + 1] * scale + top)
      if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue
      const [r, g, b] = rank === 0 ? grey : colours[group[i]]
      const isWhole = x >= reach && y >= reach && x < width - reach && y < height - reach
      const middle = 4 * (y * width + x)
      for (let k = 0; k < alphas.length; k++) {
        if (!isWhole && (x + disc.dx[k] < 0 || x + disc.dx[k] >= width || y + disc.dy[k] < 0 || y + disc.dy[k] >= height))
          continue
        const p = middle + disc.offset[k]
        const a = alphas[k]
        data[p] += ((r - data[p]) * a) >> 8
        data[p + 1] += ((g - data[p + 1]) * a) >> 8
        data[p + 2] += ((b - data[p + 2]) * a) >> 8
      }
    }
  }
}

/**
 * The pixels of a dot about its middle: where they lie, and how much of each it covers.
 * @param {number} radius
 * @param {number} width of the image, which the offsets into its bytes go by
 */
function createDisc(radius, width) {
  const disc = {
    dx: /** @type {number[]} */ ([]),
    dy: /** @type {number[]} */ ([]),
    offset: /** @type {number[]} */ ([]),
    cover: /** @type {number[]} */ ([]),
  }
  const reach = Math.ceil(radius)
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const share = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)))
      if (share === 0) continue
      disc.dx.push(dx)
      disc.dy.push(dy)
      disc.offset.push(4 * (dy * width + dx))
      disc.cover.push(share)
    }
  }
  return disc
}

/** @type {Map<string, number[]>} */
const rgbByColour = new Map()

/** Any colour of CSS as red, green and blue. @param {string} colour */
function rgb(colour) {
  let values = rgbByColour.get(colour)
  if (!values) {
    const canvas = document.createElement("canvas")
    canvas.width = canvas.height = 1
    const pen = contextOf(canvas)
    pen.fillStyle = colour
    pen.fillRect(0, 0, 1, 1)
    values = [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)]
    rgbByColour.set(colour, values)
  }
  return values
}

/**
 * Draw names at the middle of their groups; one that would cover an earlier, larger group's is left to the legend.
 * @param {ScatterMap} map
 * @param {number} width
 * @param {number} height
 * @param {Colours} colours
 */
function drawNames(map, width, height, { text, ground }) {
  const { pen, canvas } = map
  /** @type {{ x: number, y: number, half: number }[]} */
  const drawn = []
  pen.font = `600 14px ${getComputedStyle(canvas).fontFamily}`
  pen.textAlign = "center"
  pen.textBaseline = "middle"
  pen.lineJoin = "round"
  for (const label of map.labels) {
    const [x, y] = toCanvas(map, [label.x, label.y])
    const half = pen.measureText(label.text).width / 2 + 6
    if (x < half || y < 12 || x > width - half || y > height - 12) continue
    if (drawn.some(other => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < 20)) continue
    drawn.push({ x, y, half })
    pen.lineWidth = 4
    pen.strokeStyle = ground
    pen.strokeText(label.text, x, y)
    pen.fillStyle = text
    pen.fillText(label.text, x, y)
  }
}

/** Outline the area that is selected or being drawn. @param {ScatterMap} map @param {Colours} colours */
function drawOutline(map, { text }) {
  const path = map.path ?? (map.area ?? []).map(corner => toCanvas(map, corner))
  if (path.length < 2) return
  const { pen } = map
  pen.beginPath()
  for (const [x, y] of path) pen.lineTo(x, y) // the first one begins the path
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

/** @param {ScatterMap} map @param {number} i @param {number} radius @param {Colours} colours */
function drawRing(map, i, radius, { text }) {
  const { pen } = map
  const [x, y] = pointOnCanvas(map, i)
  pen.beginPath()
  pen.arc(x, y, radius + 3, 0, 2 * Math.PI)
  pen.lineWidth = 2
  pen.strokeStyle = text
  pen.stroke()
}
