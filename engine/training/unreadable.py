"""Images of the catalog that cannot be used: files that are missing, damaged, or have changed since they were scanned."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from engine.core.errors import UserError
from engine.runs.events import Message
from engine.training.batches import Images
from engine.training.recorder import Recorder

_NAMED = 20  # files; the rest is counted
_SCAN = "Put the files back; or scan the dataset again (python -m engine data add SOURCE) and start a new run."


def record_unreadable(recorder: Recorder, reasons: Mapping[int, str], paths: Sequence[str]) -> None:
    """Record a warning about each image that is left out. `reasons`: by the index into `paths`."""
    for index in list(reasons)[:_NAMED]:
        recorder.record(Message(f"Left out: {paths[index]} ({reasons[index]}).", "warning"))
    if len(reasons) > _NAMED:
        recorder.record(Message(f"Left out as well: {len(reasons) - _NAMED:,} more files.", "warning"))


def check_enough(train: np.ndarray, validation: np.ndarray, classes: Sequence[str]) -> None:
    """Raises UserError where a class has no training image, or where there is no validation image; labels are class indices."""
    missing = [name for index, name in enumerate(classes) if not (train == index).any()]
    if missing:
        raise UserError(f"No training image of {', '.join(map(repr, missing))} can be read.", _SCAN)
    if not len(validation):
        raise UserError("No validation image can be read.", _SCAN)


def images_key(images: Sequence[Images]) -> str:
    """A hash of the images that a training uses and is validated on, in their order."""
    contents = "\n".join("\t".join(part.contents) for part in images)
    return hashlib.blake2b(contents.encode(), digest_size=16).hexdigest()


def check_same(saved_key: str, key: str) -> None:
    """Raises UserError where a training would go on with images other than those it began with: it would be another training."""
    if saved_key != key:
        raise UserError(
            "The readable images are not those that this run was trained on: files are missing, have changed or came back.",
            _SCAN,
        )
