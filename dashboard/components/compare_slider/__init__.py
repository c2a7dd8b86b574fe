"""An image and an overlay, side by side at a line that a person drags."""

from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app import formatting
from dashboard.app.component_files import join_modules

_FOLDER = Path(__file__).parent
_HTML, _CSS = ((_FOLDER / f"compare_slider.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
_JS = join_modules(_FOLDER / "compare_slider.js")


def compare_slider(
    image_url: str, overlay_url: str, *, key: str, alt: str, label: str, opacity: float = 1.0, waiting: str = "Loading"
) -> None:
    """Draw a square image; right of the line, the overlay lies on it, none where its URL path is "".

    `opacity`: of the overlay, 0 to 1. `label` names the overlay; `waiting` is shown until it is loaded. Both addresses answer with a
    sentence where they have no image. Every text is shown literally.
    """
    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = component("scenescope_compare", html=_HTML, css=_CSS, js=_JS)
    data = {"image": image_url, "overlay": overlay_url, "alt": formatting.plain(alt), "label": formatting.plain(label)}
    mount(key=key, data={**data, "opacity": opacity, "waiting": waiting})
