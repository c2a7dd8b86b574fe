/** @import { Grid, Tile } from "./types.ts" */

import { closest } from "../dom.js"

/** All tiles in their order on the page. @param {Grid} grid @returns {Tile[]} */
export function tilesOf(grid) {
  return Array.from(grid.list.querySelectorAll("button.tile"))
}

/** The tile that an event is about, else null. @param {Event} event */
export function tileOf(event) {
  const tile = closest(event, ".tile")
  return tile instanceof HTMLButtonElement ? tile : null
}

/** The tile's image id as text. @param {Tile} tile */
export function idOf(tile) {
  return tile.dataset.id ?? ""
}

/** The focused tile of the grid, else null. @param {Grid} grid */
export function focusedTile(grid) {
  const tile = grid.root.activeElement?.closest(".tile")
  return tile instanceof HTMLButtonElement ? tile : null
}

/**
 * Leave one tile in the tab order: the grid is a single stop, and Tab returns to where one was.
 * @param {Grid} grid
 * @param {Tile | null | undefined} tile
 */
export function moveTabStop(grid, tile) {
  if (!tile) return
  for (const other of grid.tiles.values()) other.tabIndex = other === tile ? 0 : -1
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 */
export function createElement(tag, className = "") {
  const element = document.createElement(tag)
  element.className = className
  return element
}

/**
 * An element for text of unknown origin. It has a direction of its own: a right-to-left name does not turn round what stands beside it.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 */
export function createText(tag, className = "") {
  const element = createElement(tag, className)
  element.dir = "auto"
  return element
}

/** Show the text; an element without text is hidden. @param {HTMLElement} element @param {string | undefined} text */
export function setText(element, text = "") {
  if (element.textContent !== text) element.textContent = text
  element.hidden = text === "" && !element.closest(".badge")
}

/** Set a CSS property; without a colour, remove it. @param {HTMLElement} element @param {string} property @param {string} [colour] */
export function setColour(element, property, colour) {
  if (colour) element.style.setProperty(property, colour)
  else element.style.removeProperty(property)
}
