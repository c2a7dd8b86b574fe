"""What is selected in the confusion matrix: cells, rows and columns, kept in the address.

cells=3-2_4-_-5      a cell (row, column), the whole row 4, the whole column 5, by the classes' indices
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from dashboard.app import formatting
from dashboard.app.parameters import OLD_BOTH, OLD_PREDICTED, OLD_TRUE
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value
from engine.core.address import Integer, Items, OrNone, Row, Written

_BOX = "cell-box"
_MOST = 60  # parts of a selection; an address holds no more
_LISTED = 100  # cells that the list offers where there are more
_INDEX = OrNone(Integer(4))


@dataclass(frozen=True)
class Part:
    """A cell, a row (`column` is None) or a column (`row` is None), by class indices."""

    row: int | None
    column: int | None

    def to_text(self) -> str:
        return _PAIR.encode((self.row, self.column))

    @property
    def opposite(self) -> "Part":
        return Part(self.column, self.row)


@dataclass(frozen=True)
class CellSelection:
    """Parts of a matrix, in the order of choice; without any, it means all cells off the diagonal."""

    parts: tuple[Part, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    def mask(self, classes: int) -> np.ndarray:
        """(classes, classes) bool: the selected cells."""
        if not self.parts:
            return ~np.eye(classes, dtype=bool)
        mask = np.zeros((classes, classes), dtype=bool)
        for part in self.parts:
            rows = slice(None) if part.row is None else part.row
            columns = slice(None) if part.column is None else part.column
            mask[rows, columns] = True
        return mask

    @property
    def directions(self) -> tuple["CellSelection", ...]:
        """The two cells of a class pair apart where they are the whole selection; else the selection itself."""
        if (
            len(self.parts) == 2
            and self.parts[0].opposite == self.parts[1]
            and None not in (self.parts[0].row, self.parts[0].column)
        ):
            return tuple(CellSelection((part,)) for part in self.parts)
        return (self,)

    def to_text(self) -> str:
        return _PARTS.encode(self.parts)


def _read_part(text: str) -> Part:
    part = Part(*_PAIR.decode(text))
    if part == Part(None, None):
        raise ValueError(text)
    return part


_PAIR = Row((_INDEX, _INDEX), "-")
_PARTS = Items(Written(Part.to_text, _read_part), "_", most=_MOST, lenient=True)
CELLS = Parameter("cells", Written(CellSelection.to_text, lambda text: CellSelection(_PARTS.decode(text))), CellSelection())


def parse_selection(texts: Iterable[str], classes: int) -> CellSelection:
    """The selection that an address or the browser holds; parts that a matrix of so many classes does not have are dropped."""
    parts = _PARTS.decode("_".join(texts))
    return CellSelection(tuple(part for part in parts if max(part.row or 0, part.column or 0) < classes))


def read_selection(classes: Sequence[str]) -> CellSelection:
    """The selection in the address. Addresses of older versions name a cell by its classes: true=, predicted=, both=."""
    if (OLD_TRUE.is_set() or OLD_PREDICTED.is_set()) and not CELLS.is_set():
        names = OLD_TRUE.read(), OLD_PREDICTED.read()
        part = Part(*(list(classes).index(name) if name in classes else None for name in names))
        CELLS.write(CellSelection((part, part.opposite) if OLD_BOTH.read() == "1" else (part,)))
    # Dropped even where they say nothing, so that a link copied from this page names cells only.
    for old in (OLD_TRUE, OLD_PREDICTED, OLD_BOTH):
        old.clear()
    selection = parse_selection([part.to_text() for part in CELLS.read().parts], len(classes))
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
        CELLS.write(parse_selection(texts, len(classes)))

    st.multiselect(
        "Selected cells", options, binding.initial, key=binding.key, on_change=binding.on_change(store_selection), label_visibility="collapsed",
        format_func=lambda text: describe_part(parse_selection([text], len(classes)).parts[0], classes),
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
