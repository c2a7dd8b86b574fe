// The row of tabs is scrolled, never the page. Where the person has scrolled it since, it stays until another tab is chosen.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ title: string, row: string }} Data */

const TRIES = 20 // looks for the tab, which may be drawn after this component
const PAUSE = 100 // ms between them

/** @type {WeakMap<Node, string>} */
const shownTitles = new WeakMap()

/** @param {FrontendRendererArgs<{}, Data>} component */
export default function keepInSight({ data, parentElement }) {
  if (shownTitles.get(parentElement) === data.title) return
  shownTitles.set(parentElement, data.title)
  scrollToTab(data, TRIES)
}

/** @param {Data} data @param {number} tries */
function scrollToTab(data, tries) {
  const tabs = [...document.querySelectorAll(`.st-key-${data.row} [role=tab]`)]
  const tab = tabs.find(one => one.textContent?.trim() === data.title)
  const row = tab?.closest("[role=tablist]")
  if (!tab || !row) {
    if (tries > 0) setTimeout(() => scrollToTab(data, tries - 1), PAUSE)
    return
  }
  const [outer, inner] = [row.getBoundingClientRect(), tab.getBoundingClientRect()]
  if (inner.left >= outer.left && inner.right <= outer.right) return
  row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2
}
