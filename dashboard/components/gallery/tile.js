// One tile: its elements, its texts, and what is said where its image cannot be loaded. Names come from files and folders of
// unknown origin: they enter as textContent, never as HTML.

/** @import { Grid, Item, Tile } from "./types.ts" */

import { part } from "../dom.js"
import { hasCard } from "./card.js"
import { createElement, createText, setColour, setText } from "./elements.js"

/** A new, empty tile in its list item. @param {Grid} grid @param {string} id @returns {Tile} */
export function buildTile(grid, id) {
  const item = createElement("li", "item")
  const tile = createElement("button", "tile")
  const photo = createElement("span", "photo")
  const img = document.createElement("img")
  const badge = createElement("span", "badge")
  item.setAttribute("role", "presentation")
  tile.type = "button"
  tile.tabIndex = -1
  tile.dataset.id = id
  // Set before the source: a lazy image must be lazy before it is requested.
  img.loading = "lazy"
  img.decoding = "async"
  img.width = 150
  img.height = 150
  img.draggable = false
  img.addEventListener("error", () => explainMissing(tile, photo, img))
  img.addEventListener("load", () => {
    photo.classList.remove("broken")
    tile.removeAttribute("aria-description")
  })
  badge.append(createText("span"))
  const check = createElement("span", "check")
  check.setAttribute("aria-hidden", "true")
  photo.append(img, createText("span", "missing"), createText("span", "stale"), badge, check)
  tile.append(photo, createText("span", "caption"))
  item.append(tile)
  grid.tiles.set(id, tile)
  return tile
}

/** Remove a tile from the page. @param {Grid} grid @param {string} id @param {Tile} tile */
export function removeTile(grid, id, tile) {
  tile.parentElement?.remove()
  // An image that is still loading would hold up those that take its place.
  const img = part(tile, "img", HTMLImageElement)
  setSrcset(img, "")
  img.removeAttribute("src")
  grid.tiles.delete(id)
  grid.selected.delete(id)
}

/**
 * Bring a tile to what its item says; what is equal is not touched.
 * @param {Grid} grid
 * @param {Tile} tile
 * @param {Item} item
 * @param {{ isCurrent: boolean, isLarge: boolean }} options
 */
export function fillTile(grid, tile, item, { isCurrent, isLarge }) {
  const photo = part(tile, ".photo", HTMLElement)
  const badge = part(tile, ".badge", HTMLElement)
  const img = part(tile, "img", HTMLImageElement)
  const spoken = item.alt || [item.caption, item.badge, ...item.notes].filter(Boolean).join(", ")
  if (img.dataset.src !== item.src) {
    photo.classList.remove("broken", "changed")
    img.dataset.src = item.src
    setSrcset(img, "")
    img.src = item.src
  }
  // A large tile on a dense screen has more pixels than the thumbnail.
  const sources = `${item.src} 1x, ${item.preview} 2x`
  const isDense = isLarge && item.preview && sources !== img.dataset.failed && !photo.matches(".broken, .changed")
  setSrcset(img, isDense ? sources : "")
  img.alt = spoken
  setText(part(tile, ".caption", HTMLElement), item.caption)
  setText(part(badge, "span", HTMLElement), item.badge)
  badge.hidden = !item.badge
  fillNotes(tile, item.notes)
  setColour(photo, "--frame", item.colour)
  setColour(badge, "--dot", item.badge_colour)
  // The card says more than the browser's own tooltip; both at once would lie on each other.
  const title = hasCard(item) ? "" : [item.caption, ...item.notes].filter(Boolean).join("\n")
  if (tile.title !== title) tile.title = title
  tile.setAttribute("aria-label", spoken)
  if (grid.mode) tile.setAttribute("role", "option")
  else tile.removeAttribute("role")
  tile.parentElement?.setAttribute("role", grid.mode ? "presentation" : "listitem")
  if (isCurrent) tile.setAttribute("aria-current", "true")
  else tile.removeAttribute("aria-current")
  tile.classList.remove("pending")
}

/** @param {Tile} tile @param {string[]} lines */
function fillNotes(tile, lines) {
  /** @type {HTMLElement[]} */
  const notes = Array.from(tile.querySelectorAll(".note"))
  for (const note of notes.slice(lines.length)) note.remove()
  for (const [i, line] of lines.entries()) {
    const note = notes[i] ?? createText("span", "note")
    if (!notes[i]) tile.append(note)
    setText(note, line)
  }
}

/**
 * Assigning `srcset` loads the image again, even where it stays empty: in an error handler that would be a request without end.
 * @param {HTMLImageElement} img
 * @param {string} sources
 */
function setSrcset(img, sources) {
  if (img.srcset !== sources) img.srcset = sources
}

/**
 * Show why an image is not there, which the server says in words, or load the present one where the file was rewritten.
 * @param {Tile} tile
 * @param {HTMLElement} photo
 * @param {HTMLImageElement} img
 */
async function explainMissing(tile, photo, img) {
  if (img.srcset) {
    // The larger image is not there: the thumbnail may be.
    img.dataset.failed = img.srcset
    setSrcset(img, "")
    return
  }
  const source = img.dataset.src
  const requested = img.getAttribute("src") ?? ""
  const missing = part(photo, ".missing", HTMLElement)
  photo.classList.add("broken")
  missing.textContent = img.alt
  const response = await fetch(requested).catch(() => null)
  if (!response || response.ok || img.getAttribute("src") !== requested) return
  const reason = (await response.text()).slice(0, 200)
  const present = response.headers.get("Content-Location")
  if (present && present !== source && requested === source) {
    setText(part(photo, ".stale", HTMLElement), reason)
    photo.classList.add("changed")
    img.src = present
  } else {
    photo.classList.remove("changed")
    missing.textContent = reason
    tile.setAttribute("aria-description", reason)
  }
}
