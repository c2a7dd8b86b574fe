"""A tap on the matrix means the cell that it touches.

Plotly handles touches itself and selects what the tap before had hovered over: each tap on a phone answers for the last one
(measured in Chromium 156 with Streamlit 1.64; the first tap does nothing). Kept from plotly, the same touches reach it as the
browser's own mouse events, hover first, and the cell is right. A swipe scrolls the page either way.
"""

from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules

_JS = join_modules(Path(__file__).with_suffix(".js"))


def use_native_touch() -> None:
    """Hand touches on charts to the browser, once for the tab. Call it at the end of a page with clickable charts: it shows nothing."""
    component("scenescope_touch", js=_JS)(key="native_touch", height=1)
