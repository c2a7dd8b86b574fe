/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */

// On the window: each time that it is mounted, this module may be a new one.
window.scenescopeScroll ??= {}
const shared = window.scenescopeScroll

/** @param {FrontendRendererArgs<{}, { count: number }>} component */
export default function scrollOnChange({ data }) {
  if (shared.count !== undefined && shared.count !== data.count) {
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0, behavior: "instant" })
  }
  shared.count = data.count
}
