"""A confusion matrix whose cells and headers can be selected.

A component of its own: plotly's heatmap reports no clicks, its headers are plain text, and it cannot be used by keyboard.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from dashboard.app.component_files import join_modules
from dashboard.charts.matrix_view import CORRECT, ERRORS, GROUND, MatrixView, Unit

__all__ = ["Axes", "Unit", "confusion_matrix"]

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
    selected: Sequence[str],
    label: str,
    on_select: Callable[[list[str]], None],
    dark: bool = False,
) -> None:
    """Draw what `dashboard.charts.matrix_view` made of a matrix.

    `selected`: texts as `dashboard.evaluate.cells` reads them; `on_select` gets what the person selects instead.

    The browser shows a selection at once and reports all of it under a rising number, as component state: each number counts
    once, so that what Python clears stays cleared although the browser goes on repeating its last report.
    """
    last = f"{key}-heard"  # the number of the last report that was taken

    def handle_selection() -> None:
        report = st.session_state[key].picked
        if not isinstance(report, Mapping):
            return
        cells, revision = report.get("cells"), report.get("revision")
        if isinstance(cells, list) and isinstance(revision, int) and revision > st.session_state.get(last, 0):
            st.session_state[last] = revision
            on_select([cell for cell in cells if isinstance(cell, str)])

    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = component("scenescope_matrix", html=_HTML, css=_CSS, js=_JS)
    data = {
        **view,
        "axes": [axes.rows, axes.columns],
        "say": {"other": axes.other, "same": axes.same, "groups": axes.groups},
        "colours": {"errors": ERRORS[dark], "right": CORRECT[dark], "ground": GROUND},
        "selected": list(selected),
        "revision": st.session_state.get(last, 0),
        "label": label,
    }
    mount(key=key, data=data, on_picked_change=handle_selection)
