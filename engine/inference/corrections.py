"""Corrections: images whose right class a person has given, saved for retraining in `collections/<dataset>/<class>/`.

An image is saved once, by its content. Images of the dataset itself are refused: their labels are corrected in the dataset, and a copy
of a test image must not be trained on.
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
CORRECTED_SUFFIX = "-corrected"  # end of the name of a dataset that includes corrections


@dataclass(frozen=True)
class Correction:
    """An image with its right class. `content` is the hash of the file."""

    content: str
    class_name: str
    file: Path
    when: float


class DatasetImageError(UserError):
    """The image belongs to the dataset itself: `image_id` in its catalog, in a split, under a class, at a path."""

    def __init__(self, image_id: int, split: str, class_name: str, path: str) -> None:
        super().__init__(
            f"This image is a {split} image of the dataset, filed under {class_name}.",
            "Correct its label in the dataset instead.",
        )
        self.image_id, self.split, self.class_name, self.path = image_id, split, class_name, path


def folder(data: Dataset) -> Path:
    """The folder of the dataset's corrections; it may not exist yet."""
    return home() / "collections" / data.name


def add_correction(data: Dataset, file: Path, class_name: str) -> Correction:
    """Save a copy of the image in `file` under its right class; it replaces an earlier correction of the same image.

    Raises UserError for a class that the dataset does not have, or a file that is not an image; DatasetImageError for its own images.
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
        # A label applies to every copy of an image. A copy in the test set is reported first, since it affects the scores.
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
    """All corrections, newest first."""
    result = []
    for file in folder(data).glob("*/*"):
        if re.fullmatch(r"[0-9a-f]{32}\.\w+", file.name):
            result.append(Correction(file.stem, file.parent.name, file, file.stat().st_mtime))
    return sorted(result, key=lambda one: (one.when, one.content), reverse=True)


def find_correction(data: Dataset, content: str) -> Correction:
    """The correction of this content. Raises UserError where there is none."""
    for correction in list_corrections(data):
        if correction.content == content:
            return correction
    raise UserError("There is no such correction.")


def remove_correction(data: Dataset, content: str) -> None:
    """Delete a correction."""
    remove_file(find_correction(data, content).file)


def build_corrected_dataset(data: Dataset) -> tuple[Path, str]:
    """A folder of links to the dataset with the corrections among its training images, and a name under which to add it.

    Validation and test are those of the dataset, so that the scores of both datasets can be compared. Raises UserError where there are
    no corrections.
    """
    corrections = list_corrections(data)
    if not corrections:
        raise UserError("There are no corrections yet.", "Open an image on the Predict page and give its right class.")
    place = home() / "collections" / ".joined" / data.name
    remove_folder(place)
    for split, name in _SPLITS.items():
        frame = data.catalog.frame(split)
        for number, class_name, file in zip(frame["id"], frame["class"], data.catalog.files(frame), strict=True):
            link(file, place / name / class_name / f"{number}-{file.name}")
    for correction in corrections:
        link(correction.file, place / "train" / correction.class_name / f"told-{correction.file.name}")
    return place, f"{data.name}{CORRECTED_SUFFIX}"
