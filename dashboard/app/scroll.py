"""Scrolling to the top of the page when a click brings another view: Streamlit keeps the scroll position of the old one."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules

_COUNT = "scrolls-to-top"

_JS = join_modules(Path(__file__).with_suffix(".js"))


def scroll_to_top() -> None:
    """Scroll once this run of the script, or the next one that completes, has been drawn."""
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


def mount_scroller() -> None:
    """Mount the invisible component that scrolls."""
    count = {"count": st.session_state.get(_COUNT, 0)}
    component("scenescope_scroll", js=_JS)(key="scroll", data=count, height=1)
