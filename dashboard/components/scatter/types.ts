import type { Channel, Report } from "../channel.ts"

export type Point = [x: number, y: number]

/** `shown`: the filter leaves images of it; `count`: how many of those are selected, or all without a selection. */
export type Group = { name: string; colour: string; shown: boolean; count: number }

/** Arrays are base 64 of little-endian values; masks are bits, the first image in the highest bit. */
export type Data = {
  key: string
  revisions: { opened: number; area: number }
  /** Changes with the positions. */
  version: string
  /** Steps of `xy` to a unit of the map. */
  steps: number
  /** n x 2 uint16. */
  xy: string
  /** n int32. */
  ids: string
  /** n uint16: indices into `groups`. */
  group: string
  groups: Group[]
  /** Most important first. */
  labels: { text: string; x: number; y: number }[]
  /** What the filter leaves; null without a filter. */
  shown: string | null
  /** What is selected; null without a selection. */
  picked: string | null
  /** Corners of the selection, in the map's units. */
  area: Point[] | null
  /** Address that describes an image, its id to be appended. */
  source: string
  label: string
  height: number
}

export type State = { opened: Report<number>[]; area: Report<Point[]>[] }

/** What the server says about an image. */
export type ImageFacts = { name?: string; src?: string }

/** The middle of the canvas in the map's units, and pixels per unit. */
export type View = { x: number; y: number; scale: number }

/** What dragging does; "" scrolls the page. */
export type Mode = "" | "lasso" | "box" | "move"

/** A component on the page. */
export type ScatterMap = {
  root: HTMLElement | ShadowRoot
  canvas: HTMLCanvasElement
  pen: CanvasRenderingContext2D
  card: HTMLElement
  legend: HTMLElement

  height: number
  source: string
  /** Text of each array that is decoded, by field. */
  sent: Map<string, string | null>
  points: Float64Array
  ids: Int32Array
  /** The order in which points are drawn. */
  order: Uint32Array
  group: Uint16Array
  groups: Group[]
  labels: Data["labels"]
  shown: Uint8Array | null
  picked: Uint8Array | null
  area: Point[] | null
  /** An area was drawn that the server has not answered. */
  pending: boolean

  mode: Mode
  /** Index of the highlighted group, or -1. */
  highlight: number
  /** By image; 2: seen in full, 1: outside of the selection or the highlighted group, 0: left out by the filter. */
  rank: Uint8Array
  /** Images by rank, in the order in which they are drawn. */
  layers: [number[], number[], number[]]

  view: View
  /** The view of the whole map; null until the positions are measured. */
  whole: View | null
  /** The area that is being drawn, in pixels. */
  path: Point[] | null
  pixels: ImageData | null
  /** The background that the pixels were drawn on. */
  ground: string
  /** The dots have to be drawn again. */
  stale: boolean
  frame: number

  /** The pointer, and the image under it or -1. */
  pointer: Point
  hovered: number
  hoverFrame: number
  factsTimer: number
  facts: Map<number, ImageFacts>

  observer: ResizeObserver
  repaint: () => void
  openings: Channel<number>
  areas: Channel<Point[]>
}
