"""How the commands name an image."""

from engine.core.errors import UserError
from engine.data.catalog import Row
from engine.data.datasets import Dataset


def find_image(data: Dataset, said: str) -> Row:
    """The image by its path in the dataset, or by its id."""
    with data.catalog.reading() as connection:
        known = connection.execute("SELECT id FROM images WHERE path = ?", (said,)).fetchone()
    image = known[0] if known else int(said) if said.isdecimal() and len(said) < 19 else 0
    row = data.catalog.get(image)
    if row is None:
        raise UserError(
            f"There is no image {said!r} in {data.name}.", "Name it by its path below the dataset's root, or by its id."
        )
    return row
