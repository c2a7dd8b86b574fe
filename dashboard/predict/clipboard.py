"""Images pasted anywhere on the page are treated like uploads.

Streamlit 1.64 accepts pasted files in its chat input only. So the images are handed to the page's file uploader, as if they had been
dropped on it, and pass the same checks. Pasted text, such as an address, is left alone.
"""

from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules

_JS = join_modules(Path(__file__).with_suffix(".js"))


def accept_pasted_images() -> None:
    """Hand pasted images to the file uploader from now on. Draws nothing visible."""
    component("scenescope_paste", js=_JS)(key="take_pasted", height=1)
