/** @import { Group, ScatterMap } from "./types.ts" */

import { rankImages } from "./selection.js"

const LISTED = 24 // groups in the legend

/** List the groups of which there are images; the largest where there are many. @param {ScatterMap} map */
export function fillLegend(map) {
  const present = map.groups.filter(group => group.shown)
  if (present.length > LISTED) present.sort((a, b) => b.count - a.count)
  map.legend.replaceChildren(...present.slice(0, LISTED).map(group => createEntry(map, group)))
  if (present.length <= LISTED) return
  const rest = document.createElement("li")
  rest.className = "more"
  rest.textContent = `and ${(present.length - LISTED).toLocaleString("en")} more`
  map.legend.append(rest)
}

/** @param {ScatterMap} map @param {Group} group */
function createEntry(map, group) {
  const index = map.groups.indexOf(group)
  const entry = document.createElement("li")
  const button = document.createElement("button")
  const dot = document.createElement("i")
  const name = document.createElement("span")
  const count = document.createElement("small")
  button.type = "button"
  button.dataset.group = String(index)
  button.setAttribute("aria-pressed", String(map.highlight === index))
  dot.style.setProperty("--dot", group.colour)
  name.textContent = group.name
  count.textContent = group.count.toLocaleString("en")
  button.append(dot, name, count)
  entry.append(button)
  return entry
}

/** Highlight the group of a legend's button; a second click ends it. @param {ScatterMap} map @param {HTMLElement | null} button */
export function highlightGroup(map, button) {
  if (!button) return
  const group = Number(button.dataset.group)
  map.highlight = map.highlight === group ? -1 : group
  for (const other of map.legend.querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(Number(other.dataset.group) === map.highlight))
  }
  rankImages(map)
}
