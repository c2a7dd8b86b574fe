import type { Channel, Report } from "../channel.ts"

/** A cell, or with -1 the header of a row or column: [3, -1] is the third row. */
export type Place = [row: number, column: number]

export type Data = {
  key: string
  /** Changes with the counts. */
  version: string
  names: string[]
  /** Numbers of the classes, which stay when the view is sorted or filtered. */
  ids: number[]
  /** n x n int32 in base 64. */
  counts: string
  /** n x n uint8: the colour of each cell, from the first to the last of its ramp. */
  shades: string
  /** 4 x n x n uint16: low and high end of the interval of the share in the row, then in the column, in hundredths of a percent. */
  limits: string
  /** Images by row and by column. */
  totals: [rows: number[], columns: number[]]
  unit: "count" | "row" | "column"
  axes: [row: string, column: string]
  say: { other: Sentence; same: Sentence; groups: [row: string, column: string] }
  colours: { errors: string[]; right: string[]; ground: string }
  selected: string[]
  revisions: { picked: number }
  label: string
}

/** Before, between and after the two classes of a cell. */
export type Sentence = [before: string, between: string, after: string]

export type State = { picked: Report<string[]>[] }

/** A component on the page. */
export type Board = {
  frame: HTMLElement
  canvas: HTMLCanvasElement
  pen: CanvasRenderingContext2D
  tip: HTMLElement
  hint: HTMLElement
  spoken: HTMLElement
  /** Headers of the rows, then of the columns. */
  heads: [HTMLElement, HTMLElement]
  axes: [HTMLElement, HTMLElement]

  data: Data
  n: number
  counts: Int32Array
  shades: Uint8Array
  limits: Uint16Array
  /** Version of the counts that are decoded. */
  version: string

  selected: Set<string>
  /** The keyboard's cursor. */
  cursor: Place | null
  /** Width of the frame when it was measured, and pixels of a cell. */
  width: number
  cell: number
  observer: ResizeObserver
  picks: Channel<string[]>
}
