"""A tap on the matrix means the cell that it touches.

Plotly handles touches itself and selects what the tap before had hovered over: each tap on a phone answers for the last one
(measured in Chromium 156 with Streamlit 1.64; the first tap does nothing). Kept from plotly, the same touches reach it as the
browser's own mouse events, hover first, and the cell is right. A swipe scrolls the page either way.
"""

import streamlit as st

_JS = """
const SEEN = "scenescopeTouch"

export default function () {
  if (document.documentElement.dataset[SEEN]) return
  document.documentElement.dataset[SEEN] = "1"
  const keep = event => {
    if (event.target.closest?.(".js-plotly-plot")) event.stopPropagation()
  }
  for (const name of ["touchstart", "touchmove", "touchend"]) {
    document.addEventListener(name, keep, { capture: true, passive: true })
  }
}
"""


def native_touch() -> None:
    """Hand touches on charts to the browser, once for the tab. Call it at the end of a page with clickable charts: it shows nothing."""
    st.components.v2.component("scenescope_touch", js=_JS)(key="native_touch", height=1)
