"""One decision by key or click per finding that is drawn: presses that come before the next image is there are ignored.

A second press would interrupt the drawing of the next image, again and again if the key is held. It is stopped in the browser, and a
message says so. The keyboard focus stays on its button although the buttons of each finding are new ones.
"""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules

_DRAWINGS = "clean-drawings"
_HTML = '<p class="wait" role="status" popover="manual">Loading the next image. That key press was ignored.</p>'
_CSS = """
.wait { position: fixed; inset: auto auto 24px 50%; translate: -50%; margin: 0; padding: 8px 16px; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); background: var(--st-secondary-background-color); color: var(--st-text-color);
  font: 14px var(--st-font) }
"""
_JS = join_modules(Path(__file__).with_suffix(".js"))


def allow_one_press(digits: int) -> None:
    """Let one decision through for the finding as drawn now. Call it after its image and buttons; `digits`: choices with a digit key."""
    drawing = st.session_state.get(_DRAWINGS, 0) + 1
    st.session_state[_DRAWINGS] = drawing
    keys = [*map(str, range(1, digits + 1)), "k", "x", "u"]
    mount = component("scenescope_presses", html=_HTML, css=_CSS, js=_JS)
    mount(key="clean-presses", data={"drawing": drawing, "keys": keys}, height=1)
