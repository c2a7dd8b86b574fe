"""The map's canvas: a component that draws points of the plane, and hears of areas drawn round them and of points opened.

In place of plotly's WebGL scatter: it needs no graphics card, sends back an area's corners instead of
every point inside it, and keeps its zoom when the figure changes.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.app.component_files import join_modules
from engine.embeddings.projection import STEPS, Map

HEIGHT = 560  # pixels

_FOLDER = Path(__file__).parent
_HTML = (_FOLDER / "scatter.html").read_text(encoding="utf-8")
_CSS = (_FOLDER / "scatter.css").read_text(encoding="utf-8")
_JS = join_modules(_FOLDER / "scatter.js")


def scatter(
    drawn: Map,
    group: np.ndarray,
    groups: Sequence[Mapping],
    *,
    key: str,
    labels: Sequence[Mapping] = (),
    shown: np.ndarray | None = None,
    picked: np.ndarray | None = None,
    area: np.ndarray | None = None,
    source: str = "",
    label: str = "A map of images",
    on_area: Callable[[list], None] | None = None,
) -> int | None:
    """The id of the image whose point was clicked in this rerun, else None.

    group: (n,) whole numbers into `groups`, mappings with name, colour, count: the legend, where clicks highlight one. labels:
    mappings with text, x, y, the most important first. shown, picked: (n,) bool, what the filter and the selection leave;
    None where there is none. area: (corners, 2), the selection's outline. source: the address that tells about an image, its
    id to be added. `on_area` hears of an area that was drawn ([[x, y], ...]), empty where the selection is to end, before the
    script reruns.
    """

    def drew() -> None:
        if on_area is not None:
            on_area(_corners(st.session_state[key].area))

    data = {
        "version": f"{drawn.version}-{len(drawn)}",
        "steps": STEPS,
        "xy": _text(np.round(drawn.xy * STEPS).astype("<u2")),
        "ids": _text(drawn.ids.astype("<i4")),
        "group": _text(group.astype("<u2")),
        "groups": [{"name": str(g["name"]), "colour": str(g["colour"]), "count": int(g["count"])} for g in groups],
        "labels": [{"text": str(at["text"]), "x": float(at["x"]), "y": float(at["y"])} for at in labels],
        "shown": None if shown is None else _text(np.packbits(shown)),
        "picked": None if picked is None else _text(np.packbits(picked)),
        "area": None if area is None else np.asarray(area, float).tolist(),
        "source": source,
        "label": f"{label}. Arrow keys move it, plus and minus zoom, 0 shows all of it, Escape ends a selection.",
        "height": HEIGHT,
    }
    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = st.components.v2.component("scenescope_scatter", html=_HTML, css=_CSS, js=_JS)
    opened = mount(key=key, data=data, on_opened_change=lambda: None, on_area_change=drew).opened
    # The browser's word is not taken for it.
    return opened if isinstance(opened, int) and opened in drawn.ids else None


def _corners(said: object) -> list[tuple[float, float]]:
    """What the browser said that an area's corners are; nothing where it is no such list."""
    if not isinstance(said, list) or not all(isinstance(at, list) and len(at) == 2 for at in said):
        return []
    return [(float(x), float(y)) for x, y in said if isinstance(x, int | float) and isinstance(y, int | float)]


def _text(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
