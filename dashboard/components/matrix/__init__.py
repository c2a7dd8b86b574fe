"""A confusion matrix whose cells and headers can be selected.

A component of its own: plotly's heatmap reports no clicks, its headers are plain text, and it cannot be used by keyboard.
"""

from dataclasses import dataclass
from pathlib import Path

from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules
from dashboard.charts.matrix_view import CORRECT, ERRORS, GROUND, MatrixView, Unit
from dashboard.components.matrix.selection import CellSelection
from dashboard.components.reports import Channel, channel_data
from dashboard.components.selection import Selection

__all__ = ["Axes", "CellSelection", "Unit", "confusion_matrix"]

_FOLDER = Path(__file__).parent
_HTML = (_FOLDER / "matrix.html").read_text(encoding="utf-8")
_CSS = (_FOLDER / "matrix.css").read_text(encoding="utf-8")
_JS = join_modules(_FOLDER / "matrix.js")


@dataclass(frozen=True)
class Axes:
    """The words for rows, columns and cells.

    `other`: before, between and after the two classes of a cell off the diagonal; `same`: around the class of one on it.
    """

    rows: str
    columns: str
    other: tuple[str, str, str]
    same: tuple[str, str, str]
    groups: tuple[str, str]  # between "images" and the class: what the images of a row and of a column are


def confusion_matrix(
    view: MatrixView,
    axes: Axes,
    *,
    key: str,
    selection: Selection[CellSelection],
    label: str,
    dark: bool = False,
) -> None:
    """Draw what `dashboard.charts.matrix_view` made of a matrix."""
    picks = Channel(key, "picked")

    def handle_selection() -> None:
        for cells in picks.take():
            if isinstance(cells, list):
                selection.write(CellSelection.from_texts(cell for cell in cells if isinstance(cell, str)))

    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = component("scenescope_matrix", html=_HTML, css=_CSS, js=_JS)
    data = {
        **view,
        "axes": [axes.rows, axes.columns],
        "say": {"other": axes.other, "same": axes.same, "groups": axes.groups},
        "colours": {"errors": ERRORS[dark], "right": CORRECT[dark], "ground": GROUND},
        "selected": [part.to_text() for part in selection.read().parts],
        **channel_data(picks),
        "label": label,
    }
    mount(key=key, data=data, on_picked_change=handle_selection)
