"""The button in the top bar that says how much runs in the background, with a list of it: progress, and a button that stops each.

The browser asks the server for the list by itself (`dashboard.http.activity`), not through Streamlit: a fragment that is redrawn at intervals
on every page would wait while a page is computed, and would compete with the clicks of the person.
"""

from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules

_FOLDER = Path(__file__).parent
_HTML, _CSS = ((_FOLDER / f"activity.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
_JS = join_modules(_FOLDER / "activity.js")


def activity_button() -> None:
    """Mount the button, which shows only while something runs."""
    component("scenescope_activity", html=_HTML, css=_CSS, js=_JS)(key="activity", height=1)
