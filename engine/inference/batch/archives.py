"""The images of files named on the command line; archives are unpacked for as long as they are needed."""

import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.core.files import content_hash, temporary_folder, write_bytes
from engine.data import uploads
from engine.data.file_kinds import looks_like_image, read_head
from engine.inference.batch.store import BatchImage


@contextmanager
def open_images(files: Sequence[Path]) -> Generator[list[BatchImage]]:
    """The images, in order. A file in an archive is named `photos.zip/class/file.jpg`; one that is not accepted has a reason."""
    with temporary_folder(Path(tempfile.gettempdir()), "scenescope-") as folder:
        result: list[BatchImage] = []
        for file in files:
            if _is_zip(file):
                result += _members(file, folder, len(result))
            else:
                result.append(BatchImage(len(result), str(file), file))
        yield result


def _is_zip(file: Path) -> bool:
    return not looks_like_image(file) and (file.suffix.lower() == ".zip" or read_head(file).startswith(b"PK\x03\x04"))


def _members(archive: Path, folder: Path, first: int) -> Iterator[BatchImage]:
    with archive.open("rb") as stream:
        for number, item in enumerate(uploads.read_images([(archive.name, stream)]), first):
            # Under its number: a name in an archive is text, never a path.
            file = folder / f"{number:06d}"
            name = str(archive) if item.name == archive.name else f"{archive}/{item.name}"
            if not item.reason:
                write_bytes(file, item.content, make_folder=False)
            yield BatchImage(number, name, file, "" if item.reason else content_hash(item.content), item.reason)
