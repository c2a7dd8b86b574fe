"""Where pictures wait for answers: `batches/<id>/` in the home.

`batch.json`, written last, names the pictures in their order. `files/` holds what was uploaded, each file under its number: a name
that came with a picture is text and no place. The pictures of a folder on this machine stay where they are.
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
    """One picture of a batch. `name` is how it came (`class/file.jpg`), untrusted; `reason` says why it was left out.

    `content` is the hash of an uploaded file, which never changes; "" where the file lies in a folder of the person's own.
    """

    number: int
    name: str
    file: Path
    content: str = ""
    reason: str = ""

    @property
    def class_name(self) -> str:
        """The folder that it lies in, which is its class where folders are classes; "" where there is none."""
        return parent_folder(self.name)


@dataclass(frozen=True)
class Batch:
    """Some pictures, by their folder."""

    id: str
    path: Path

    @property
    def title(self) -> str:
        """Where they came from, in words. Untrusted text."""
        return self._description.title

    @property
    def created(self) -> float:
        return self._description.created

    @property
    def pictures(self) -> tuple[BatchImage, ...]:
        """All of them, in their order; shared: change nothing of it."""
        return self._description.pictures

    @property
    def unused(self) -> UnusedReport:
        """What else the folder holds, of which nothing was asked; empty for uploads, whose pictures say it themselves."""
        return self._description.unused

    def picture(self, number: int) -> BatchImage:
        """Raises UserError where there is none of this number."""
        if not 0 <= number < len(self.pictures):
            raise UserError(f"There is no picture {number + 1} among these.")
        return self.pictures[number]

    def delete(self) -> None:
        """Remove the answers and what was uploaded; a folder of the person's own is not touched."""
        remove(self.path / _DOCUMENT)
        remove_folder(self.path)

    @property
    def _description(self) -> "_Description":
        return read_cached(self.path, _DOCUMENT, _described)


@dataclass(frozen=True)
class _Description:
    title: str
    created: float
    pictures: tuple[BatchImage, ...]
    unused: UnusedReport


def create_batch(title: str, uploads: Iterable[UploadItem]) -> Batch:
    """Keep uploaded pictures; the oldest batches give way to them. Raises UserError where there are none."""
    batch = _new()
    listed = []
    try:
        create_folder(batch.path / "files")
        for number, (name, content, reason) in enumerate(uploads):
            extension = os.path.splitext(name)[1].lower()  # noqa: PTH122 - text, and no path
            kept = f"files/{number:06d}{extension if extension in EXTENSIONS else ''}"
            if not reason:
                write_bytes(batch.path / kept, content)
            listed.append([name, kept, "" if reason else content_hash(content), reason])
        if not listed:
            raise UserError("No images were found in the upload.", "Choose image files, a folder or a zip of them.")
        return _finish(batch, title, listed)
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
    listed = [[display_name(os.path.relpath(file, folder))[0], os.fspath(file), "", ""] for file in files]
    try:
        return _finish(batch, display_name(os.fspath(folder))[0], listed, tally.report())
    except BaseException:
        remove_folder(batch.path)
        raise


def load_batch(batch_id: str) -> Batch:
    """Raises UserError where there is none."""
    path = _folder() / batch_id
    if re.fullmatch(r"[0-9a-f]{16}", batch_id) and (path / _DOCUMENT).is_file():
        return Batch(batch_id, path)
    raise UserError("These images are no longer here.", "They were deleted or replaced by newer uploads. Add them again.")


def list_batches() -> list[Batch]:
    """All of them, newest first."""
    try:
        names = [folder.name for folder in _folder().iterdir()]
    except FileNotFoundError:
        return []
    result = [(one.created, one) for name in names if (one := _readable(name)) is not None]
    return [one for _, one in sorted(result, key=lambda pair: pair[0], reverse=True)]


def _readable(name: str) -> Batch | None:
    """None for what is no batch, not yet one, or one whose list is damaged."""
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


def _finish(batch: Batch, title: str, listed: list[list[str]], unused: UnusedReport | None = None) -> Batch:
    document = {"title": title, "created": time.time(), "pictures": listed, "unused": (unused or UnusedReport()).document()}
    write_json(batch.path / _DOCUMENT, document, durable=True)
    return batch


def _make_room() -> None:
    """Remove the oldest batches until all take less than the limit: SCENESCOPE_BATCHES_MB, by default 4 GB."""
    said = os.environ.get(LIMIT_MB, "")
    left = (int(said) if said.isdecimal() else _LIMIT_MB) * 2**20
    for one in list_batches():
        left -= sum(file.stat().st_size for file in one.path.rglob("*") if file.is_file())
        if left < 0:
            one.delete()


def _described(file: Path) -> _Description:
    document: Any = read_json(file)
    try:
        pictures = (
            BatchImage(number, name, file.parent / kept, content, reason)
            for number, (name, kept, content, reason) in enumerate(document["pictures"])
        )
        unused = UnusedReport.from_document(document["unused"]) if "unused" in document else UnusedReport()
        return _Description(document["title"], float(document["created"]), tuple(pictures), unused)
    except (TypeError, KeyError, ValueError):
        raise UserError("The list of these images is damaged.", "Delete them, and add them again.") from None
