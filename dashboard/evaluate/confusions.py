"""The confusion matrix with its settings: numbers, order, colours, and which of many classes it shows."""

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value, popover
from dashboard.components.matrix import Unit, confusion_matrix
from dashboard.evaluate.cells import CELLS
from dashboard.evaluate.comparison import ConfusionView
from engine.core.address import Choice, Integer, Items
from engine.data.class_names import natural_key
from engine.evaluation import class_ordering

READABLE = 30  # classes that are all shown by default
_ZOOM = 20  # classes of a zoomed matrix

_UNITS: dict[str, Unit] = {"count": "count", "true": "row", "predicted": "column"}
_ORDERS = {"name": "by name", "own": "original", "similar": "by similarity"}
_ORDER_HELP = "By similarity: classes that are often confused are placed side by side."
UNIT = Parameter("numbers", Choice(tuple(_UNITS)), "count")
ORDER = Parameter("matrix_order", Choice(tuple(_ORDERS)), "name")
COLOURS = Parameter("colours", Choice(("log", "linear")), "log")
ZOOM = Parameter("shown", Choice(("zoom", "all")), "zoom")
FOUND: Parameter[tuple[int, ...]] = Parameter("classes", Items(Integer(4), "_", lenient=True), ())
_LOG_HELP = "Logarithmic: a single error is visible beside a hundred. Linear: the colour is proportional to the number of errors."


def confusion_panel(view: ConfusionView) -> None:
    """Draw the matrix; a click, a tap or a key there changes the selection before the gallery is drawn."""
    classes = view.crossing.classes
    choice = _choose_classes(view) if len(classes) > READABLE else None
    # The settings stand below the matrix but must be known before it is drawn.
    place = st.container()
    unit, order, log = _choose_settings(view)
    shown = _shown_classes(view.matrix, order, choice)
    with place:
        if len(shown) < len(classes):
            _note_hidden_classes(view, shown)
        confusion_matrix(
            cache.matrix_view(view.matrix, classes, tuple(shown.tolist()), unit, log), view.axes, key="matrix",
            selection=CELLS, dark=st.context.theme.type == "dark",
            label=f"{_name(view)} of {len(shown)} classes, {len(view.crossing):,} images",
        )  # fmt: skip


def _name(view: ConfusionView) -> str:
    if view.other is None:
        return "Confusion matrix" if view.is_page_run else f"Confusion matrix of {view.scored.run.id}: matrix"
    return f"Predictions of {view.scored.run.id} against those of {view.other[0].run.id}: matrix"


def _choose_settings(view: ConfusionView) -> tuple[Unit, np.ndarray, bool]:
    """The unit, all classes in their order, and whether colours are logarithmic, as a person chooses them."""
    rows, columns = (axis.strip("↓→ ") for axis in (view.axes.rows, view.axes.columns))
    names = {"count": "count", "true": f"% of {rows}", "predicted": f"% of {columns}"}
    left, right = st.columns([3, 2])
    unit = url_state.choose(left.segmented_control, "Numbers", UNIT, label_visibility="collapsed", format_func=names.__getitem__)
    classes = view.crossing.classes
    by_name = sorted(range(len(classes)), key=lambda index: natural_key(classes[index].casefold()))
    # "original" is offered only where it differs from "by name".
    kinds = [kind for kind in _ORDERS if kind != "own" or by_name != sorted(by_name)]
    kind, log = url_state.current_choice(ORDER, kinds), url_state.current_choice(COLOURS) == "log"
    panel = popover("Order, colours", "matrix-panel", right, icon=":material/tune:")
    if panel.open:
        with panel:
            url_state.choose(st.segmented_control, "Order", ORDER, kinds, format_func=_ORDERS.__getitem__, help=_ORDER_HELP)
            url_state.choose(st.segmented_control, "Colours", COLOURS, help=_LOG_HELP)
    if kind == "name":
        order = np.array(by_name, int)
    else:
        order = np.arange(len(by_name)) if kind == "own" else cache.similarity_order(view.matrix)
    return _UNITS[unit], order, log


def _choose_classes(view: ConfusionView) -> list[int] | None:
    """The indices of the classes that a person searches for; empty for the most confused, None for all."""
    classes = view.crossing.classes
    zoomed, others = (
        ("most confused", "that they are confused with")
        if view.other is None
        else ("with most disagreements", "that the runs predict instead")
    )
    zoom = url_state.choose(
        st.segmented_control, "Classes", ZOOM, label_visibility="collapsed",
        format_func={"zoom": f"{_ZOOM} {zoomed}", "all": f"all {len(classes)}"}.__getitem__,
    )  # fmt: skip
    indices = [index for index in FOUND.read() if index < len(classes)]

    binding = bind_value("found-classes", indices)

    choice = st.multiselect(
        "Find classes", range(len(classes)), binding.initial, key=binding.key, on_change=binding.on_change(FOUND.write),
        label_visibility="collapsed",
        format_func=lambda index: formatting.plain(classes[index]),
        placeholder=f"Find classes, and those {others}",
    )  # fmt: skip
    return choice or ([] if zoom == "zoom" else None)


def _shown_classes(matrix: np.ndarray, order: np.ndarray, choice: list[int] | None) -> np.ndarray:
    """The indices of the classes that the matrix shows, in their order."""
    if choice is None:
        return order
    shown = (
        class_ordering.nearest_classes(matrix, np.array(choice), _ZOOM) if choice else class_ordering.most_confused(matrix, _ZOOM)
    )
    # Not `shown` itself: the classes keep the chosen order.
    return order[np.isin(order, shown)]


def _note_hidden_classes(view: ConfusionView, shown: np.ndarray) -> None:
    part = view.matrix[np.ix_(shown, shown)]
    inside, total = int(part.sum() - np.trace(part)), int(view.matrix.sum() - np.trace(view.matrix))
    st.caption(f"{len(shown)} of {len(view.matrix)} classes, with {inside:,} of the {total:,} {view.off_diagonal}.")
