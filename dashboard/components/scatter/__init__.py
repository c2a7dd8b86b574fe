"""A scatter plot on a canvas: a person opens points and selects those inside an area that they draw.

Unlike plotly's WebGL scatter it needs no graphics card, sends back an area's corners instead of every point
inside it, and keeps its zoom when the figure changes.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules
from dashboard.app.map_selection import Pick, from_corners
from dashboard.charts.map_points import Group, Label
from dashboard.components.reports import Channel, channel_data
from dashboard.components.selection import Selection
from engine.embeddings.projection import STEPS, Map

HEIGHT = 560  # pixels

_FOLDER = Path(__file__).parent
_HTML = (_FOLDER / "scatter.html").read_text(encoding="utf-8")
_CSS = (_FOLDER / "scatter.css").read_text(encoding="utf-8")
_JS = join_modules(_FOLDER / "scatter.js")


def scatter(
    points: Map,
    group: np.ndarray,
    groups: Sequence[Group],
    *,
    key: str,
    labels: Sequence[Label] = (),
    shown: np.ndarray | None = None,
    picked: np.ndarray | None = None,
    source: str = "",
    label: str = "A map of images",
    selection: Selection[Pick | None] | None = None,
) -> int | None:
    """The id of the image whose point was clicked in this rerun, else None.

    group: (n,) indices into `groups`, the legend, where a click highlights one. labels: the most important first. shown, picked:
    (n,) bool, what the filter and the selection leave; None where there is none.
    source: the address that describes an image, its id to be appended. selection: the area that is selected, on this map.
    """

    openings, areas = Channel(key, "opened"), Channel(key, "area")

    def handle_area() -> None:
        for area in areas.take():
            pick = from_corners(points.version, _read_corners(area))
            if selection is not None and pick is not None:
                selection.write(pick)
            elif selection is not None:
                selection.clear()

    pick = selection.read() if selection is not None else None

    data = {
        **channel_data(openings, areas),
        "version": f"{points.version}-{len(points)}",
        "steps": STEPS,
        "xy": _to_base64(np.round(points.xy * STEPS).astype("<u2")),
        "ids": _to_base64(points.ids.astype("<i4")),
        "group": _to_base64(group.astype("<u2")),
        "groups": list(groups),
        "labels": list(labels),
        "shown": None if shown is None else _to_base64(np.packbits(shown)),
        "picked": None if picked is None else _to_base64(np.packbits(picked)),
        "area": None if pick is None else pick.corners.tolist(),
        "source": source,
        "label": f"{label}. Arrow keys move it, plus and minus zoom, 0 shows all of it, Escape ends a selection.",
        "height": HEIGHT,
    }
    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = component("scenescope_scatter", html=_HTML, css=_CSS, js=_JS)
    mount(key=key, data=data, on_opened_change=lambda: None, on_area_change=handle_area)
    return next((image for image in reversed(openings.take()) if isinstance(image, int) and image in points.ids), None)


def _read_corners(report: object) -> list[tuple[float, float]]:
    """The corners of an area as a browser reports them; none where that is not a list of points."""
    if not isinstance(report, list) or not all(isinstance(corner, list) and len(corner) == 2 for corner in report):
        return []
    return [(float(x), float(y)) for x, y in report if isinstance(x, int | float) and isinstance(y, int | float)]


def _to_base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
