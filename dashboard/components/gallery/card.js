// The hover card: the image larger, and its facts. It stands beside its tile, never on it, lets the pointer through, and has
// its full size before it appears. The keyboard's focus shows it too; a finger does not.

/** @import { Grid, Item, Tile } from "./types.ts" */

import { part } from "../dom.js"
import { createText, idOf, setColour, setText, tileOf } from "./elements.js"

const FIRST_DELAY = 450 // ms that a pointer or the focus rests before the card
const NEXT_DELAY = 90 // ms from card to card while the keyboard moves on
const LARGEST = 320 // pixels of the longer side
const MARGIN = 10 // pixels to the tile and to the window's edge

/** @param {Item} item */
export function hasCard(item) {
  return item.facts.length > 0 || Boolean(item.preview)
}

/** Show the card where the pointer or the focus rests. @param {Grid} grid */
export function listenForHover(grid) {
  const { list, leave } = grid
  /** @type {Tile | null} */
  let hovered = null
  let position = ""
  /** @param {Tile} tile @param {number} delay */
  const schedule = (tile, delay) => {
    clearTimeout(grid.cardTimer)
    grid.cardTimer = setTimeout(() => showCard(grid, tile), delay)
  }
  list.addEventListener("pointermove", event => {
    const before = position
    position = `${event.clientX} ${event.clientY}`
    const tile = tileOf(event)
    // A page that scrolls under a pointer at rest sends moves as well.
    if (event.pointerType !== "mouse" || position === before || tile === hovered) return
    hovered = tile
    hideCard(grid)
    if (tile && !grid.dragging) schedule(tile, FIRST_DELAY)
  })
  list.addEventListener("pointerleave", () => {
    hovered = null
    hideCard(grid)
  })
  list.addEventListener("focusin", event => {
    const tile = tileOf(event)
    if (tile?.matches(":focus-visible")) schedule(tile, grid.cardTile ? NEXT_DELAY : FIRST_DELAY)
  })
  list.addEventListener("focusout", event => {
    const next = event.relatedTarget
    if (!(next instanceof Element && next.closest(".tile"))) hideCard(grid)
  })
  list.addEventListener("pointerdown", () => hideCard(grid))
  addEventListener("scroll", () => hideCard(grid), { capture: true, passive: true, signal: leave.signal })
  const hideAtEscape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") hideCard(grid)
  }
  addEventListener("keydown", hideAtEscape, { capture: true, signal: leave.signal })
}

/** @param {Grid} grid @param {Tile} tile */
function showCard(grid, tile) {
  const item = grid.items.get(idOf(tile))
  const small = part(tile, "img", HTMLImageElement)
  if (!tile.isConnected || !item || !hasCard(item) || tile.querySelector(".broken, .changed") || !small.naturalWidth) {
    hideCard(grid)
    return
  }
  const { card } = grid
  const large = new Image()
  const scale = LARGEST / Math.max(small.naturalWidth, small.naturalHeight)
  large.width = Math.round(small.naturalWidth * scale)
  large.height = Math.round(small.naturalHeight * scale)
  large.src = small.currentSrc || small.src
  part(card, ".large", HTMLElement).replaceChildren(large)
  setColour(card, "--frame", item.colour)
  setText(part(card, ".name", HTMLElement), item.caption)
  const rows = item.facts.flatMap(([name, value]) => [createFact("dt", name), createFact("dd", value)])
  part(card, "dl", HTMLElement).replaceChildren(...rows)
  grid.cardTile?.removeAttribute("aria-describedby")
  grid.cardTile = tile
  tile.setAttribute("aria-describedby", "card")
  card.showPopover()
  placeCard(card, part(tile, ".photo", HTMLElement).getBoundingClientRect())
  if (item.preview) loadPreview(grid, tile, item.preview, large)
}

/** @param {HTMLElement} card @param {DOMRect} photo */
function placeCard(card, photo) {
  const { offsetWidth: width, offsetHeight: height } = card
  const beside = photo.right + MARGIN + width <= innerWidth - MARGIN ? photo.right + MARGIN : photo.left - MARGIN - width
  const besideFits = beside >= MARGIN
  const below = photo.bottom + MARGIN + height <= innerHeight ? photo.bottom + MARGIN : photo.top - MARGIN - height
  /** @param {number} value @param {number} most */
  const clamp = (value, most) => Math.max(MARGIN, Math.min(value, most - MARGIN))
  card.style.left = `${besideFits ? beside : clamp(photo.left, innerWidth - width)}px`
  card.style.top = `${besideFits ? clamp(photo.top, innerHeight - height) : Math.max(MARGIN, below)}px`
}

/**
 * Replace the thumbnail, which stands there at once in the final size, by the sharper image once that has come.
 * @param {Grid} grid
 * @param {Tile} tile
 * @param {string} source
 * @param {HTMLImageElement} large
 */
async function loadPreview(grid, tile, source, large) {
  const preview = new Image()
  preview.src = source
  try {
    await preview.decode()
  } catch {
    return // the thumbnail stays
  }
  if (grid.cardTile === tile) large.src = source
}

/** Hide the card of a tile that has left the page. @param {Grid} grid */
export function refreshCard(grid) {
  if (grid.cardTile && !grid.cardTile.isConnected) hideCard(grid)
}

/** @param {Grid} grid */
export function hideCard(grid) {
  clearTimeout(grid.cardTimer)
  if (!grid.cardTile) return
  grid.cardTile.removeAttribute("aria-describedby")
  grid.cardTile = null
  grid.card.hidePopover()
}

/** @param {"dt" | "dd"} tag @param {string} text */
function createFact(tag, text) {
  const element = createText(tag)
  element.textContent = text
  return element
}
