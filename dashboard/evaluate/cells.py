"""What is selected in the confusion matrix: cells, rows and columns, kept in the address.

cells=3-2_4-_-5      a cell (row, column), the whole row 4, the whole column 5, by the classes' indices
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.widgets import bind_value

CELLS = "cells"  # of the address
_BOX = "cell-box"
_MOST = 60  # parts of a selection; an address holds no more
_LISTED = 100  # cells that the list offers where there are more
_CELL = re.compile(r"([0-9]{0,4})-([0-9]{0,4})")


@dataclass(frozen=True)
class Part:
    """A cell, a row (`column` is None) or a column (`row` is None), by class indices."""

    row: int | None
    column: int | None

    def to_text(self) -> str:
        return f"{'' if self.row is None else self.row}-{'' if self.column is None else self.column}"

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
        # Only signs that an address holds without escaping.
        return "_".join(part.to_text() for part in self.parts)


def parse_selection(texts: Iterable[str], classes: int) -> CellSelection:
    """The selection that an address or the browser holds; parts that a matrix of so many classes does not have are dropped."""
    parts = []
    for text in texts:
        match = _CELL.fullmatch(text)
        numbers = [int(digits) if digits else None for digits in match.groups()] if match else []
        if any(number is not None for number in numbers) and all(number is None or number < classes for number in numbers):
            parts.append(Part(*numbers))
    return CellSelection(tuple(dict.fromkeys(parts))[:_MOST])


def read_selection(classes: Sequence[str]) -> CellSelection:
    """The selection in the address. Addresses of older versions name a cell by its classes: true=, predicted=, both=."""
    if (url_state.recall("true") or url_state.recall("predicted")) and not url_state.recall(CELLS):
        names = [url_state.recall(key) for key in ("true", "predicted")]
        part = Part(*(list(classes).index(name) if name is not None and name in classes else None for name in names))
        parts = [part, part.opposite] if url_state.recall("both") == "1" else [part]
        set_selection(parse_selection([part.to_text() for part in parts], len(classes)))
    # Dropped even where they say nothing, so that a link copied from this page names cells only.
    for old in ("true", "predicted", "both"):
        url_state.forget(old)
    selection = parse_selection((url_state.recall(CELLS) or "").split("_"), len(classes))
    set_selection(selection)
    return selection


def set_selection(selection: CellSelection) -> None:
    """Write the selection to the address, in a callback or before `read_selection` is called."""
    if selection:
        url_state.remember(CELLS, selection.to_text())
    else:
        url_state.forget(CELLS)


def cell_box(selection: CellSelection, matrix: np.ndarray, classes: Sequence[str], off_diagonal: str = "errors") -> None:
    """Draw the selected parts and a list to search for more: all that the matrix does, without a pointer.

    `off_diagonal`: what the images off the diagonal are called, which an empty selection means.
    """

    texts = [part.to_text() for part in selection.parts]
    options = list(dict.fromkeys([*texts, *_list_parts(matrix)]))
    binding = bind_value(_BOX, texts, options)

    def store_selection(texts: list[str]) -> None:
        set_selection(parse_selection(texts, len(classes)))

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
