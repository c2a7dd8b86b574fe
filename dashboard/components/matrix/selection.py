"""Which cells, rows and columns of a matrix are selected, and as a text: `3-2_4-_-5` is a cell, the whole row 4 and the whole column 5."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.core.address import Codec, Integer, Items, OrNone, Row

_MOST = 60  # parts of a selection; an address holds no more


@dataclass(frozen=True)
class Part:
    """A cell, a row (`column` is None) or a column (`row` is None), by class indices."""

    row: int | None
    column: int | None

    def to_text(self) -> str:
        return _PAIR.encode((self.row, self.column))

    @classmethod
    def from_text(cls, text: str) -> "Part":
        """The part that `to_text` wrote. Raises ValueError for anything else."""
        part = cls(*_PAIR.decode(text))
        if part == cls(None, None):
            raise ValueError(text)
        return part

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

    def limited_to(self, classes: int) -> "CellSelection":
        """The selection without the parts that a matrix of so many classes does not have."""
        return CellSelection(tuple(part for part in self.parts if max(part.row or 0, part.column or 0) < classes))

    def to_text(self) -> str:
        return _PARTS.encode(self.parts)

    @classmethod
    def from_text(cls, text: str) -> "CellSelection":
        """The selection that `to_text` wrote; parts that cannot be read are left out."""
        return cls(_PARTS.decode(text))

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> "CellSelection":
        """The selection of these parts, each as a text; they come from a browser and are not trusted."""
        return cls.from_text("_".join(texts))


_PAIR = Row((OrNone(Integer(4)), OrNone(Integer(4))), "-")
_PARTS = Items(Codec(Part.to_text, Part.from_text), "_", most=_MOST, lenient=True)
