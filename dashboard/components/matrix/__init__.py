"""The confusion matrix that one can click: one v2 component (html, css, js in files) and its Python face.

Drawn by itself and not by plotly, whose heatmap reports no clicks, whose headers are text, and which has no keyboard.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard.app.component_files import join_modules
from dashboard.charts.matrix_view import CORRECT, ERRORS, GROUND, Unit

__all__ = ["Axes", "Unit", "confusion_matrix"]

_FOLDER = Path(__file__).parent
_HTML = (_FOLDER / "matrix.html").read_text(encoding="utf-8")
_CSS = (_FOLDER / "matrix.css").read_text(encoding="utf-8")
_JS = join_modules(_FOLDER / "matrix.js")


@dataclass(frozen=True)
class Axes:
    """How rows and columns are spoken of. `other`: before, between and after the two classes of a cell off the diagonal."""

    rows: str
    columns: str
    other: tuple[str, str, str]
    same: tuple[str, str, str]
    of: tuple[str, str]  # what a row's and a column's images are called before the class


def confusion_matrix(
    part: Mapping,
    axes: Axes,
    *,
    key: str,
    selected: Sequence[str],
    label: str,
    on_select: Callable[[list[str]], None],
    dark: bool = False,
) -> None:
    """Draw what `view` made. `selected`: texts as `dashboard.evaluate.cells` reads them; `on_select` hears of others.

    The browser shows a selection at once and reports all of it under a rising number, as component state: each number counts
    once, so that what Python clears stays cleared although the browser goes on repeating its last report.
    """
    heard = f"{key}-heard"

    def picked() -> None:
        report = st.session_state[key].picked
        cells, revision = (report.get("cells"), report.get("revision")) if isinstance(report, Mapping) else (None, None)
        if isinstance(cells, list) and isinstance(revision, int) and revision > st.session_state.get(heard, 0):
            st.session_state[heard] = revision
            on_select([cell for cell in cells if isinstance(cell, str)])

    # Registered at each call, as the gallery is: every runtime has its own registry.
    mount = st.components.v2.component("scenescope_matrix", html=_HTML, css=_CSS, js=_JS)
    data = {
        **part,
        "axes": [axes.rows, axes.columns],
        "say": {"other": axes.other, "same": axes.same, "of": axes.of},
        "colours": {"errors": ERRORS[dark], "right": CORRECT[dark], "ground": GROUND},
        "selected": list(selected),
        "revision": st.session_state.get(heard, 0),
        "label": label,
    }
    mount(key=key, data=data, on_picked_change=picked)
