"""The keyboard focus stays on a tab while the page is drawn.

Streamlit 1.64 disables a tab between the message that draws the row of tabs and the one that draws the tab, and a disabled element
loses the focus: the next arrow key would go nowhere.
"""

from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules

_JS = join_modules(Path(__file__).with_suffix(".js"))


def keep_tab_focus() -> None:
    """Mount the invisible component that returns the focus to the tab."""
    component("scenescope_tab_focus", js=_JS)(key="tab-focus", height=1)
