"""Text that leaves the program: a line stays one line, and no cell of a CSV is a formula."""

import csv
import re
import time
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

# Control characters, line and paragraph separators, and marks that change the direction of a line.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What a spreadsheet treats as the start of a formula (OWASP, "CSV injection"), possibly after existing apostrophes.
_FORMULA = re.compile("'*[=+\\-@\t\r\n]")


def one_line(text: str) -> str:
    """The text on one line: characters that would break the line or change its direction become escapes."""
    return text if text.isprintable() else _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def plain(value: object) -> str:
    """The value as one line of text for a person, with invisible characters written out, direction marks among them.

    Such a character could reverse the letters after it, or make two names look the same. The joiners that Persian and emoji need
    stay as they are.
    """
    line = " ".join(str(value).split())
    return line if line.isprintable() else "".join(map(_visible, line))


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf") and character not in "\u200c\u200d"
    return character.encode("unicode_escape").decode() if hidden else character


def utc(moment: float) -> str:
    """`2026-11-29 09:31:17 UTC`, for files and the command line; pages show times in the reader's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))


def utc_date(moment: float) -> str:
    """`29 November 2026` in UTC, for documents that are passed on."""
    return time.strftime("%d %B %Y", time.gmtime(moment)).removeprefix("0")


def csv_cell(value: Any) -> Any:
    """The value for a CSV: text that a spreadsheet would treat as a formula gets an apostrophe, which `from_csv_cell` removes."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def from_csv_cell(text: str) -> str:
    """The text that was passed to `csv_cell`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_text(frame: "pd.DataFrame", **options: Any) -> str:
    """A table as CSV without its index; names and cells go through `csv_cell`. `options`: for `DataFrame.to_csv`."""
    texts = frame.select_dtypes(exclude="number").columns
    safe = frame.assign(**{name: frame[name].map(csv_cell) for name in texts}).rename(columns=csv_cell)
    cells = [*safe.columns, *(cell for name in safe.select_dtypes(exclude="number") for cell in safe[name])]
    return safe.to_csv(index=False, quoting=csv_quoting(cells), **options)


def csv_quoting(cells: Iterable[Any]) -> Literal[0, 2]:
    """The quoting that keeps rows whole: Python's writer does not quote a lone carriage return, which readers take for a line end."""
    return csv.QUOTE_NONNUMERIC if any(isinstance(cell, str) and "\r" in cell for cell in cells) else csv.QUOTE_MINIMAL
