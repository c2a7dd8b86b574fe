"""The confusion matrix with what governs it: numbers, order, colours, and which of many classes stand in it."""

import re

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.widgets import popover, show_value
from dashboard.components.matrix import confusion_matrix
from dashboard.evaluate.cells import CellSelection, parse_selection, set_selection
from dashboard.evaluate.comparison import ConfusionView
from engine.data.class_names import natural_key
from engine.evaluation import class_ordering

READABLE = 30  # classes that stand in the matrix without asking
_ZOOM = 20  # classes that a zoomed matrix shows
_FOUND = "classes"  # of the address

_UNITS = {"count": "count", "true": "row", "predicted": "column"}
_ORDERS = {"name": "by name", "own": "original", "similar": "by similarity"}
_ORDER_HELP = "By similarity, classes that are confused with each other are placed side by side."
_COLOURS = ("log", "linear")
_LOG_HELP = (
    "Logarithmic colours: a single error is visible beside a hundred. Otherwise colour is proportional to the number of errors."
)


def confusion_panel(of: ConfusionView, chosen: CellSelection) -> None:
    """Draw the matrix; a click, a tap or a key there changes what is chosen before the gallery is drawn."""
    classes = of.crossing.classes
    result = _choose_classes(of) if len(classes) > READABLE else None
    place = st.container()
    unit, order, log = _settings(of)
    shown = _shown(of.matrix, order, result)
    with place:
        if len(shown) < len(classes):
            _say_what_is_left_out(of, shown)
        confusion_matrix(
            cache.matrix_view(of.matrix, classes, tuple(shown.tolist()), unit, log), of.axes, key="matrix",
            selected=[part.to_text() for part in chosen.parts], dark=st.context.theme.type == "dark",
            label=f"{_name(of)} of {len(shown)} classes, {len(of.crossing):,} images",
            on_select=lambda cells: set_selection(parse_selection(cells, len(classes))),
        )  # fmt: skip


def _name(of: ConfusionView) -> str:
    if of.other is None:
        return "Confusion matrix" if of.own else f"Confusion matrix of {of.scored.run.id}: matrix"
    return f"Answers of {of.scored.run.id} against those of {of.other[0].run.id}: matrix"


def _settings(of: ConfusionView) -> tuple[str, np.ndarray, bool]:
    """The unit, all classes in their order, and whether colours go by the logarithm."""
    rows, columns = (axis.strip("↓→ ") for axis in (of.axes.rows, of.axes.columns))
    names = {"count": "count", "true": f"% of {rows}", "predicted": f"% of {columns}"}
    left, right = st.columns([3, 2])
    unit = url_state.choose(
        left.segmented_control, "Numbers", list(_UNITS), "numbers", label_visibility="collapsed", format_func=names.__getitem__
    )
    by_name = sorted(range(len(of.crossing.classes)), key=lambda place: natural_key(of.crossing.classes[place].casefold()))
    kinds = [kind for kind in _ORDERS if kind != "own" or by_name != sorted(by_name)]
    kind, log = url_state.current_choice(kinds, "matrix_order"), url_state.current_choice(_COLOURS, "colours") == "log"
    panel = popover("Order, colours", "matrix-panel", right, icon=":material/tune:")
    if panel.open:
        with panel:
            url_state.choose(
                st.segmented_control, "Order", kinds, "matrix_order", format_func=_ORDERS.__getitem__, help=_ORDER_HELP
            )
            url_state.choose(st.segmented_control, "Colours", _COLOURS, "colours", help=_LOG_HELP)
    own = np.arange(len(by_name))
    order = {"name": np.array(by_name, int), "own": own}.get(kind)
    return _UNITS[unit], cache.similarity_order(of.matrix) if order is None else order, log


def _choose_classes(of: ConfusionView) -> list[int] | None:
    """The classes that are searched for, by number; empty for the most confused, None for all."""
    classes = of.crossing.classes
    zoomed, others = (
        ("most confused", "that they are confused with")
        if of.other is None
        else ("with most disagreements", "that the runs say instead")
    )
    zoom = url_state.choose(
        st.segmented_control, "Classes", ["zoom", "all"], "shown", label_visibility="collapsed",
        format_func={"zoom": f"{_ZOOM} {zoomed}", "all": f"all {len(classes)}"}.__getitem__,
    )  # fmt: skip
    texts = (url_state.recall(_FOUND) or "").split("_")
    known = [int(text) for text in texts if re.fullmatch("[0-9]{1,4}", text) and int(text) < len(classes)]

    def changed() -> None:
        url_state.remember(_FOUND, "_".join(map(str, st.session_state["found-classes"])))

    show_value("found-classes", known)
    result = st.multiselect(
        "Find classes", range(len(classes)), key="found-classes", on_change=changed, label_visibility="collapsed",
        format_func=lambda place: formatting.plain(classes[place]),
        placeholder=f"Find classes, and those {others}",
    )  # fmt: skip
    return result or ([] if zoom == "zoom" else None)


def _shown(matrix: np.ndarray, order: np.ndarray, found: list[int] | None) -> np.ndarray:
    """The classes that stand in the matrix, in their order."""
    if found is None:
        return order
    kept = (
        class_ordering.nearest_classes(matrix, np.array(found), _ZOOM) if found else class_ordering.most_confused(matrix, _ZOOM)
    )
    return order[np.isin(order, kept)]


def _say_what_is_left_out(of: ConfusionView, shown: np.ndarray) -> None:
    part = of.matrix[np.ix_(shown, shown)]
    inside, total = int(part.sum() - np.trace(part)), int(of.matrix.sum() - np.trace(of.matrix))
    st.caption(f"{len(shown)} of {len(of.matrix)} classes, which hold {inside:,} of the {total:,} {of.off_diagonal}.")
