"""How commands look up an image that is named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import UserError

if TYPE_CHECKING:
    from engine.data.catalog import Row
    from engine.data.datasets import Dataset


def find_image(data: Dataset, name: str) -> Row:
    """The image with this path in the dataset, or with this id. Raises UserError."""
    with data.catalog.reading() as connection:
        known = connection.execute("SELECT id FROM images WHERE path = ?", (name,)).fetchone()
    # SQLite's integers have 64 bits: 19 digits may not fit.
    image = known[0] if known else int(name) if name.isdecimal() and len(name) < 19 else 0
    row = data.catalog.get(image)
    if row is None:
        raise UserError(
            f"There is no image {name!r} in {data.name}.", "Give its path relative to the dataset's folder, or its id."
        )
    return row
