"""What is selected in the confusion matrix: cells, rows and columns, kept in the address.

cells=3-2_4-_-5      a cell (row, column), the whole row 4, the whole column 5, by the classes' indices
"""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard.app import formatting
from dashboard.app.parameters import OLD_BOTH, OLD_PREDICTED, OLD_TRUE
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value
from dashboard.components.matrix.selection import CellSelection, Part
from engine.core.address import Codec

_BOX = "cell-box"
_LISTED = 100  # cells that the list offers where there are more


CELLS = Parameter("cells", Codec(CellSelection.to_text, CellSelection.from_text), CellSelection())


def read_selection(classes: Sequence[str]) -> CellSelection:
    """The selection in the address. Addresses of older versions name a cell by its classes: true=, predicted=, both=."""
    if (OLD_TRUE.is_set() or OLD_PREDICTED.is_set()) and not CELLS.is_set():
        names = OLD_TRUE.read(), OLD_PREDICTED.read()
        part = Part(*(list(classes).index(name) if name in classes else None for name in names))
        CELLS.write(CellSelection((part, part.opposite) if OLD_BOTH.read() == "1" else (part,)))
    # Dropped even where they say nothing, so that a link copied from this page names cells only.
    for old in (OLD_TRUE, OLD_PREDICTED, OLD_BOTH):
        old.clear()
    selection = CELLS.read().limited_to(len(classes))
    CELLS.write(selection)
    return selection


def cell_box(selection: CellSelection, matrix: np.ndarray, classes: Sequence[str], off_diagonal: str = "errors") -> None:
    """Draw the selected parts and a list to search for more: all that the matrix does, without a pointer.

    `off_diagonal`: what the images off the diagonal are called, which an empty selection means.
    """

    texts = [part.to_text() for part in selection.parts]
    options = list(dict.fromkeys([*texts, *_list_parts(matrix)]))
    binding = bind_value(_BOX, texts, options)

    def store_selection(texts: list[str]) -> None:
        CELLS.write(CellSelection.from_texts(texts))

    st.multiselect(
        "Selected cells", options, binding.initial, key=binding.key, on_change=binding.on_change(store_selection), label_visibility="collapsed",
        format_func=lambda text: describe_part(Part.from_text(text), classes),
        placeholder=f"All {off_diagonal}. Select cells in the matrix, or type a class",
    )  # fmt: skip


def describe_part(part: Part, classes: Sequence[str]) -> str:
    """`sea → glacier`, `sea → any`, by class names."""
    names = ("any" if place is None else formatting.plain(classes[place]) for place in (part.row, part.column))
    return " → ".join(names)


def _list_parts(matrix: np.ndarray) -> list[str]:
    """Rows, columns and cells of a matrix as texts: every cell of a small matrix, the largest errors of a large one."""
    n = len(matrix)
    rows = [Part(place, None) for place in range(n)]
    columns = [Part(None, place) for place in range(n)]
    if n * n <= _LISTED:
        cells = [Part(row, column) for row in range(n) for column in range(n)]
    else:
        errors = (matrix - np.diag(np.diag(matrix))).ravel()
        # Stable: cells with equally many errors stay in the order of the classes.
        largest = np.argsort(-errors, kind="stable")[:_LISTED]
        cells = [Part(*divmod(int(place), n)) for place in largest if errors[place] > 0]
    return [part.to_text() for part in [*rows, *columns, *cells]]
