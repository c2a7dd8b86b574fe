"""A number with its 95% interval, and how it reads: the same on screen, in a terminal and in reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from engine.core import number_text

Unit = Literal["", "%", "points"]
_DIGITS: dict[Unit, int] = {"": 3, "%": 1, "points": 1}


class EstimateDocument(TypedDict):
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], name: str) -> "Estimate":
        """Of the columns `name`, `name`_low and `name`_high of a table."""
        return cls(row[name], row[f"{name}_low"], row[f"{name}_high"])

    def to_dict(self) -> EstimateDocument:
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return self.text()

    def text(self, unit: Unit = "", digits: int | None = None, signed: bool = False, named: bool = False) -> str:
        """`0.925 (0.910 to 0.937)`, `92.5% (91.0 to 93.7%)`, `−0.3 points (−1.3 to +0.7)`; `undefined` for NaN.

        `unit`: of the text; for "%" and "points" the number is a share. `signed`: a difference. `named`: says "95% interval", for places
        where nothing else does.
        """
        if math.isnan(self.value):
            return "undefined"
        number = _number(self.value, unit, digits, signed)
        sign = {"": "", "%": "%", "points": " points"}[unit]
        return f"{number}{sign} ({'95% interval ' if named else ''}{self.limits(unit, digits, signed)})"

    def limits(self, unit: Unit = "", digits: int | None = None, signed: bool = False) -> str:
        """The interval alone: `0.910 to 0.937`, `91.0 to 93.7%`."""
        low, high = (_number(limit, unit, digits, signed) for limit in (self.low, self.high))
        return f"{low} to {high}{'%' if unit == '%' else ''}"


def _number(number: float, unit: Unit, digits: int | None, signed: bool) -> str:
    scaled = number if unit == "" else 100 * number
    digits = _DIGITS[unit] if digits is None else digits
    return number_text.signed(scaled, digits) if signed else number_text.decimal(scaled, digits)
