"""Pictures whose right class a person has told: kept for retraining in `collections/<dataset>/<class>/`, a dataset's own layout.

A picture is kept once, by its content. The images of the dataset itself are not taken: their labels are corrected in the dataset itself, and
a copy of a test image must not be trained on.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import content_hash, link, remove_folder, write_bytes
from engine.core.files import remove as remove_file
from engine.core.paths import home
from engine.data.datasets import Dataset
from engine.data.decoding import ImageError, open_image, read_content
from engine.data.file_kinds import EXTENSIONS

_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_WEIGHT = {"test": 0, "validation": 1, "train": 2}
CORRECTED_SUFFIX = "-corrected"  # the end of the name of a dataset that a collection has joined


@dataclass(frozen=True)
class Correction:
    """A picture of the collection. `content` names what is in the file."""

    content: str
    class_name: str
    file: Path
    when: float


class DatasetImageError(UserError):
    """The picture is one of the dataset's own images: `image_id` in its catalog, in a split, under a class, at a path."""

    def __init__(self, image_id: int, split: str, class_name: str, path: str) -> None:
        super().__init__(
            f"This picture is a {split} image of the dataset, filed under {class_name}.",
            "Correct its label in the dataset instead.",
        )
        self.image_id, self.split, self.class_name, self.path = image_id, split, class_name, path


def folder(data: Dataset) -> Path:
    """Where the dataset's collection is; it may not be there yet."""
    return home() / "collections" / data.name


def add_correction(data: Dataset, file: Path, class_name: str) -> Correction:
    """Keep a copy of the picture in `file` under its right class; under another one than before, it moves there.

    Raises UserError for a class that the dataset has not, or a file that is no picture; OfDataset for its own images.
    """
    if class_name not in data.classes:
        raise UserError(f"{data.name} has no class {class_name!r}.", f"Its classes: {', '.join(data.classes)}.")
    try:
        content = read_content(file)[0]
        open_image(content, min_size=64)
    except (ImageError, OSError) as error:
        raise UserError(f"The image could not be saved: {error}.") from error
    name = content_hash(content)
    own = [row for row in data.catalog.copies(name) if row.state in ("ok", "excluded")]
    if own:
        # A label holds for every copy: the one in the test set is what a person must know of.
        row = min(own, key=lambda one: _WEIGHT.get(one.split or "", len(_WEIGHT)))
        raise DatasetImageError(row.id, row.split or "", row.class_name or "no class", row.path)
    extension = file.suffix.lower()
    place = folder(data) / class_name / f"{name}{extension if extension in EXTENSIONS else '.jpg'}"
    write_bytes(place, content, durable=True)
    for old in list_corrections(data):
        if old.content == name and old.file != place:
            remove_file(old.file)
    return find_correction(data, name)


def list_corrections(data: Dataset) -> list[Correction]:
    """The collection, the newest first."""
    result = []
    for file in folder(data).glob("*/*"):
        if re.fullmatch(r"[0-9a-f]{32}\.\w+", file.name):
            result.append(Correction(file.stem, file.parent.name, file, file.stat().st_mtime))
    return sorted(result, key=lambda one: (one.when, one.content), reverse=True)


def find_correction(data: Dataset, content: str) -> Correction:
    """Raises UserError where the collection has no such picture."""
    for one in list_corrections(data):
        if one.content == content:
            return one
    raise UserError("There is no such correction.")


def remove_correction(data: Dataset, content: str) -> None:
    """Take a picture out of the collection."""
    remove_file(find_correction(data, content).file)


def build_corrected_dataset(data: Dataset) -> tuple[Path, str]:
    """A folder of links that is the dataset with its collection among the training images, and a name for it: to be added.

    Validation and test hold the very images of the dataset, so that the scores of both can be compared. Raises UserError where there is
    nothing to join.
    """
    collected = list_corrections(data)
    if not collected:
        raise UserError("There are no corrections yet.", "Open an image on the Predict page and give its right class.")
    place = home() / "collections" / ".joined" / data.name
    remove_folder(place)
    for split, name in _SPLITS.items():
        frame = data.catalog.frame(split)
        for number, class_name, file in zip(frame["id"], frame["class"], data.catalog.files(frame), strict=True):
            link(file, place / name / class_name / f"{number}-{file.name}")
    for one in collected:
        link(one.file, place / "train" / one.class_name / f"told-{one.file.name}")
    return place, f"{data.name}{CORRECTED_SUFFIX}"
