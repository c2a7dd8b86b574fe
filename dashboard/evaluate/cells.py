"""What of the matrix is chosen: cells, rows and columns that add up, kept in the address.

cells=3-2_4-_-5      a cell (row, column), the whole row 4, the whole column 5, by the classes' numbers
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.widgets import show_value

CELLS = "cells"  # of the address
_BOX = "cell-box"
_MOST = 60  # parts of a selection; an address holds no more
_LISTED = 100  # cells that the list offers where there are more
_CELL = re.compile(r"([0-9]{0,4})-([0-9]{0,4})")


@dataclass(frozen=True)
class Part:
    """A cell, a row (`column` is None) or a column (`row` is None): class numbers."""

    row: int | None
    column: int | None

    def to_text(self) -> str:
        return f"{'' if self.row is None else self.row}-{'' if self.column is None else self.column}"

    @property
    def opposite(self) -> "Part":
        return Part(self.column, self.row)


@dataclass(frozen=True)
class CellSelection:
    """Parts of a matrix, in the order of choice; without any, all cells off the diagonal are meant."""

    parts: tuple[Part, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    def mask(self, classes: int) -> np.ndarray:
        """(classes, classes) bool: the cells that are meant."""
        if not self.parts:
            return ~np.eye(classes, dtype=bool)
        mask = np.zeros((classes, classes), dtype=bool)
        for part in self.parts:
            mask[slice(None) if part.row is None else part.row, slice(None) if part.column is None else part.column] = True
        return mask

    @property
    def directions(self) -> tuple["CellSelection", ...]:
        """The two cells of a pair apart, where nothing else is chosen."""
        if (
            len(self.parts) == 2
            and self.parts[0].opposite == self.parts[1]
            and None not in (self.parts[0].row, self.parts[0].column)
        ):
            return tuple(CellSelection((part,)) for part in self.parts)
        return (self,)

    def to_text(self) -> str:
        return "_".join(part.to_text() for part in self.parts)


def parse_selection(texts: Iterable[str], classes: int) -> CellSelection:
    """What an address or the browser holds; what says nothing to a matrix of so many classes is left out."""
    result = []
    for text in texts:
        match = _CELL.fullmatch(text)
        numbers = [int(digits) if digits else None for digits in match.groups()] if match else []
        if any(number is not None for number in numbers) and all(number is None or number < classes for number in numbers):
            result.append(Part(*numbers))
    return CellSelection(tuple(dict.fromkeys(result))[:_MOST])


def read_selection(classes: Sequence[str]) -> CellSelection:
    """What the address holds now. Older addresses name a cell by its classes: true=, predicted=, both=."""
    if (url_state.recall("true") or url_state.recall("predicted")) and not url_state.recall(CELLS):
        places = [list(classes).index(name) if name in classes else None for name in map(url_state.recall, ("true", "predicted"))]
        part = Part(*places)
        parts = [part, part.opposite] if url_state.recall("both") == "1" else [part]
        set_selection(parse_selection([part.to_text() for part in parts], len(classes)))
    for old in ("true", "predicted", "both"):
        url_state.forget(old)
    result = parse_selection((url_state.recall(CELLS) or "").split("_"), len(classes))
    if result:
        url_state.remember(CELLS, result.to_text())
    else:
        url_state.forget(CELLS)
    return result


def set_selection(to: CellSelection) -> None:
    """Choose, in a callback or before `chosen` is asked."""
    if to:
        url_state.remember(CELLS, to.to_text())
    else:
        url_state.forget(CELLS)


def cell_box(now: CellSelection, matrix: np.ndarray, classes: Sequence[str], off_diagonal: str = "errors") -> None:
    """What is chosen, each part with its cross, and a list to search for more: all that the matrix does, without a pointer.

    `off_diagonal`: what the images beside the diagonal are called, which are meant where nothing is chosen.
    """

    def changed() -> None:
        set_selection(parse_selection(st.session_state[_BOX], len(classes)))

    texts = [part.to_text() for part in now.parts]
    offered = dict.fromkeys([*texts, *_offers(matrix)])
    show_value(_BOX, texts, list(offered))
    st.multiselect(
        "Chosen cells", list(offered), key=_BOX, on_change=changed, label_visibility="collapsed",
        format_func=lambda text: describe_part(parse_selection([text], len(classes)).parts[0], classes),
        placeholder=f"All {off_diagonal}. Choose cells in the matrix, or type a class",
    )  # fmt: skip


def describe_part(part: Part, classes: Sequence[str]) -> str:
    names = ("any" if place is None else formatting.plain(classes[place]) for place in (part.row, part.column))
    return " → ".join(names)


def _offers(matrix: np.ndarray) -> list[str]:
    """Rows, columns and cells of a matrix as texts: every cell of a small one, of a large one the largest errors."""
    n = len(matrix)
    rows = [Part(place, None) for place in range(n)]
    columns = [Part(None, place) for place in range(n)]
    if n * n <= _LISTED:
        cells = [Part(row, column) for row in range(n) for column in range(n)]
    else:
        errors = (matrix - np.diag(np.diag(matrix))).ravel()
        largest = np.argsort(-errors, kind="stable")[:_LISTED]
        cells = [Part(*divmod(int(place), n)) for place in largest if errors[place] > 0]
    return [part.to_text() for part in [*rows, *columns, *cells]]
