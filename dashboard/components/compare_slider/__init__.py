"""A picture and what was laid over it, side by side at a line that a hand moves."""

from pathlib import Path

import streamlit as st

from dashboard.app import formatting
from dashboard.app.component_files import join_modules

_FOLDER = Path(__file__).parent
_HTML, _CSS = ((_FOLDER / f"compare_slider.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
_JS = join_modules(_FOLDER / "compare_slider.js")


def compare_slider(
    picture: str, over: str, *, key: str, alt: str, label: str, opacity: float = 1.0, waiting: str = "Looking"
) -> None:
    """Draw the square picture at the URL path `picture`; to the right of the line the one at `over`, none where it is "".

    `opacity`: of what lies over, 0 to 1. `label` says what lies over; `waiting` stands there until it has come. Both sources answer
    with a sentence where they have no picture. Every text is shown letter by letter.
    """
    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = st.components.v2.component("scenescope_compare", html=_HTML, css=_CSS, js=_JS)
    data = {"picture": picture, "over": over, "alt": formatting.plain(alt), "label": formatting.plain(label)}
    mount(key=key, data={**data, "opacity": opacity, "waiting": waiting})
