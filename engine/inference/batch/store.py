"""Batches of images to predict: `batches/<id>/` in the home.

`batch.json`, written last, lists the images in their order. `files/` holds the uploaded files, each under its number: a name that
came with an upload is text, never a path. The images of a folder on this machine stay where they are.
"""

import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.file_cache import read_cached
from engine.core.files import content_hash, create_folder, read_json, remove, remove_folder, write_bytes, write_json
from engine.core.limits import limit_bytes
from engine.core.paths import home
from engine.data.file_kinds import EXTENSIONS
from engine.data.layouts import display_name
from engine.data.unused_files import Tally, UnusedReport
from engine.data.uploads import UploadItem, parent_folder
from engine.data.walk import walk_files

LIMIT_MB = "SCENESCOPE_BATCHES_MB"
_LIMIT_MB = 4096
_DOCUMENT = "batch.json"


@dataclass(frozen=True)
class BatchImage:
    """One image of a batch. `name` is the uploaded name (`class/file.jpg`), untrusted; `reason` says why the file was not accepted.

    `content` is the hash of an uploaded file, which never changes; "" where the file lies in a folder of the user.
    """

    number: int
    name: str
    file: Path
    content: str = ""
    reason: str = ""

    @property
    def class_name(self) -> str:
        """The name of its folder, which is its class where folders are classes; "" without a folder."""
        return parent_folder(self.name)


@dataclass(frozen=True)
class Batch:
    """A batch of images, by its folder. The list is read from `batch.json` when it is needed."""

    id: str
    path: Path

    @property
    def title(self) -> str:
        """Where the images came from, in words. Untrusted text."""
        return self._description.title

    @property
    def created(self) -> float:
        return self._description.created

    @property
    def images(self) -> tuple[BatchImage, ...]:
        """All images, in their order. The tuple is shared."""
        return self._description.images

    @property
    def unused(self) -> UnusedReport:
        """The other files of the folder; empty for uploads, whose images carry a `reason` instead."""
        return self._description.unused

    def image(self, number: int) -> BatchImage:
        """The image of this number. Raises UserError where there is none."""
        if not 0 <= number < len(self.images):
            raise UserError(f"There is no image {number + 1} in this batch.")
        return self.images[number]

    def delete(self) -> None:
        """Remove the predictions and the uploaded files; a folder of the user is not touched."""
        # The document first: a batch without one no longer exists, even where removing its files is interrupted.
        remove(self.path / _DOCUMENT)
        remove_folder(self.path)

    @property
    def _description(self) -> "_Description":
        return read_cached(self.path, _DOCUMENT, _described)


@dataclass(frozen=True)
class _Description:
    title: str
    created: float
    images: tuple[BatchImage, ...]
    unused: UnusedReport


def create_batch(title: str, uploads: Iterable[UploadItem]) -> Batch:
    """A new batch of uploaded images; the oldest batches are deleted to make room. Raises UserError for an empty upload."""
    batch = _new()
    entries = []
    try:
        create_folder(batch.path / "files")
        for number, (name, content, reason) in enumerate(uploads):
            extension = os.path.splitext(name)[1].lower()  # noqa: PTH122 - text, not a path
            file_name = f"files/{number:06d}{extension if extension in EXTENSIONS else ''}"
            if not reason:
                write_bytes(batch.path / file_name, content)
            entries.append([name, file_name, "" if reason else content_hash(content), reason])
        if not entries:
            raise UserError("No images were found in the upload.", "Choose image files, a folder or a zip of them.")
        return _finish(batch, title, entries)
    except BaseException:
        remove_folder(batch.path)
        raise


def create_folder_batch(folder: Path) -> Batch:
    """A batch of the image files below a folder on this machine, which stay there. Raises UserError."""
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise UserError(f"There is no folder {str(folder)!r}.", "Give the full path, such as /home/me/photos.")
    tally = Tally(folder)
    files = sorted(Path(entry.path) for entry in walk_files(folder) if tally.is_image_file(entry))
    if not files:
        raise UserError(
            f"There are no images in {str(folder)!r}.",
            "Images are known by their names (.jpg, .png, .heic, ...) or their content.",
        )
    batch = _new()
    entries = [[display_name(os.path.relpath(file, folder))[0], os.fspath(file), "", ""] for file in files]
    try:
        return _finish(batch, display_name(os.fspath(folder))[0], entries, tally.report())
    except BaseException:
        remove_folder(batch.path)
        raise


def load_batch(batch_id: str) -> Batch:
    """The batch of this id. Raises UserError where it does not exist."""
    path = _folder() / batch_id
    if re.fullmatch(r"[0-9a-f]{16}", batch_id) and (path / _DOCUMENT).is_file():
        return Batch(batch_id, path)
    raise UserError("These images are no longer here.", "They were deleted or replaced by newer uploads. Add them again.")


def list_batches() -> list[Batch]:
    """All batches, newest first."""
    try:
        names = [folder.name for folder in _folder().iterdir()]
    except FileNotFoundError:
        return []
    result = [(one.created, one) for name in names if (one := _readable(name)) is not None]
    return [one for _, one in sorted(result, key=lambda pair: pair[0], reverse=True)]


def _readable(name: str) -> Batch | None:
    """The batch of this name; None for a folder that is not a batch, or whose list is missing or damaged."""
    try:
        result = load_batch(name)
        return result if result.created else None
    except UserError:
        return None


def _folder() -> Path:
    return home() / "batches"


def _new() -> Batch:
    _make_room()
    identity = secrets.token_hex(8)
    path = _folder() / identity
    create_folder(path, fresh=True)
    return Batch(identity, path)


def _finish(batch: Batch, title: str, entries: list[list[str]], unused: UnusedReport | None = None) -> Batch:
    document = {"title": title, "created": time.time(), "pictures": entries, "unused": (unused or UnusedReport()).document()}
    write_json(batch.path / _DOCUMENT, document, durable=True)
    return batch


def _make_room() -> None:
    """Delete the oldest batches until all take less space than the limit: SCENESCOPE_BATCHES_MB, by default 4 GB."""
    left = limit_bytes(LIMIT_MB, _LIMIT_MB)
    for batch in list_batches():
        left -= sum(file.stat().st_size for file in batch.path.rglob("*") if file.is_file())
        if left < 0:
            batch.delete()


def _described(file: Path) -> _Description:
    document: Any = read_json(file)
    try:
        images = (
            BatchImage(number, name, file.parent / file_name, content, reason)
            for number, (name, file_name, content, reason) in enumerate(document["pictures"])
        )
        unused = UnusedReport.from_document(document["unused"]) if "unused" in document else UnusedReport()
        return _Description(document["title"], float(document["created"]), tuple(images), unused)
    except (TypeError, KeyError, ValueError):
        raise UserError("The list of these images is damaged.", "Delete them, and add them again.") from None
