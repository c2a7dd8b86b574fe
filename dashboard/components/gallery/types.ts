import type { Channel, Report } from "../channel.ts"

/** A tile as `_item` in __init__.py describes it; absent fields are not sent. */
export type Item = {
  id: number
  src: string
  preview?: string
  colour?: string
  badge_colour?: string
  caption?: string
  badge?: string
  alt?: string
  notes: string[]
  facts: [name: string, value: string][]
}

/** "" opens tiles only, "one" selects a tile instead, "many" does both. */
export type Mode = "" | "one" | "many"

/** What the server holds as selected; `elsewhere` counts what is selected on other pages of the grid. */
export type ServerSelection = {
  selected: number[]
  elsewhere: number
  revisions: { opened: number; selected: number }
}

export type Data = ServerSelection & {
  key: string
  items: Item[]
  size: "S" | "M" | "L"
  select: Mode
  current: number | null
  label: string
  empty: string
}

/** Tiles that are selected here, in order of choice; `others`: whether the selection on other pages stays. */
export type Selected = { ids: number[]; others: boolean }

export type State = { opened: Report<number>[]; selected: Report<Selected>[] }

/** A component on the page. Ids are strings here, as in `dataset.id`. */
export type Grid = {
  root: ShadowRoot
  stage: HTMLElement
  list: HTMLElement
  empty: HTMLElement
  bar: HTMLElement
  count: HTMLElement
  lasso: HTMLElement
  card: HTMLElement
  tiles: Map<string, Tile>
  items: Map<string, Item>
  mode: Mode

  selected: Set<string>
  elsewhere: number
  others: boolean
  /** Where a range begins. */
  anchor: string | null
  pointerType: string
  /** A rectangle is being drawn. */
  dragging: boolean
  /** The last press became a rectangle or a long press: the click that ends it opens nothing. */
  dragged: boolean

  /** The tile of the hover card. */
  cardTile: Tile | null
  cardTimer: number
  /** Watches for the dialog that a click opened. */
  dialogTimer: number
  /** Aborted when the component leaves the page: ends its listeners on the window. */
  leave: AbortController
  openings: Channel<number>
  selections: Channel<Selected>
}

export type Tile = HTMLButtonElement
