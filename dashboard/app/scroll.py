"""Scrolling to the top of the page when a click brings another view: Streamlit keeps the scroll position of the old one."""

import streamlit as st
from streamlit.components.v2 import component

_COUNT = "scrolls-to-top"

_JS = """
// On the window: each time that it is mounted, this module may be a new one.
const shared = (window.scenescopeScroll ??= {})

export default function ({ data }) {
  if (shared.count !== undefined && shared.count !== data.count) {
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0, behavior: "instant" })
  }
  shared.count = data.count
}
"""


def scroll_to_top() -> None:
    """Scroll once this run of the script, or the next one that completes, has been drawn."""
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


def mount_scroller() -> None:
    """Mount the invisible component that scrolls."""
    count = {"count": st.session_state.get(_COUNT, 0)}
    component("scenescope_scroll", js=_JS)(key="scroll", data=count, height=1)
