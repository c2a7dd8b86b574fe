"""The images that match a filter as CSV, generated while it is sent, so that even a million rows take little memory."""

import csv
import io
from collections.abc import Iterator

from engine.core.text_output import csv_cell, csv_quoting
from engine.data.catalog import Catalog, Row
from engine.data.filters import Filter
from engine.data.properties import MEASURED

COLUMNS = ("path", "class", "split", "state", "width", "height", "bytes", *MEASURED, "content")
_BATCH = 2_000


def csv_rows(catalog: Catalog, conditions: Filter, order: str = "id", descending: bool = False) -> Iterator[str]:
    """Yield the table in pieces: a header, then one line per image, in the order of `View.page`."""
    view = catalog.view(conditions)
    yield _lines([COLUMNS])
    for number in range(1, -(-len(view) // _BATCH) + 1):
        rows = catalog.rows(view.page(number, _BATCH, order, descending).tolist())
        yield _lines([_values(row) for row in rows.values()])


def _values(row: Row) -> tuple:
    measured = (None if (value := getattr(row, name)) is None else f"{value:.6g}" for name in MEASURED)
    return (
        csv_cell(row.path),
        csv_cell(row.class_name),
        row.split,
        row.state,
        row.width,
        row.height,
        row.bytes,
        *measured,
        row.hash,
    )


def _lines(rows: list[tuple]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv_quoting(cell for row in rows for cell in row)).writerows(rows)
    return text.getvalue()
