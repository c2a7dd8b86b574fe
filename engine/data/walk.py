"""Walks over the files of a dataset, and reports what it does not use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.core.errors import UserError
from engine.data import file_kinds
from engine.data.file_kinds import looks_like_image

# Why an entry is not used. Catalogs store these kinds.
FOLDER, LOOSE, TABLE, UNREAD, FORMAT = "folder", "loose", "table", "unread", "format"
BACKUP, BIN, SYSTEM = "backup", "bin", "system"
_SNIFFED = 50  # files per folder whose first bytes are read because their names do not show what they are


class UnusedEntry(NamedTuple):
    """A file, or a folder with all its content, that is not used. A folder's `path` ends in a slash."""

    path: str
    kind: str
    reason: str
    files: int = 1
    images: int = 0  # among the files, by extension


class Entry(NamedTuple):
    """A candidate file; with an `obstacle`, a file or folder that is not read for this reason; or an unused entry."""

    path: str
    obstacle: str = ""
    unused: UnusedEntry | None = None


class FolderContents(NamedTuple):
    """The direct content of a folder, sorted by name."""

    folders: list[Path]
    files: list[str]
    unused: list[UnusedEntry]

    @property
    def images(self) -> int:
        """How many files are images by extension."""
        return sum(map(looks_like_image, self.files))


def list_folder(folder: Path) -> FolderContents:
    """The direct content of `folder`; system files and recycle bins are in `unused`. Raises UserError where it cannot be read."""
    folders, files, unused = [], [], []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                is_folder = _is_folder(entry)
                if noise := _noise(entry.name):
                    unused.append(_unused_entry(entry.path, noise, entry.is_dir(follow_symlinks=False)))
                elif is_folder:
                    folders.append(folder / entry.name)
                elif not entry.is_symlink() or os.path.isfile(entry.path):  # noqa: PTH113
                    files.append(entry.name)
    except OSError as error:
        raise UserError(f"The folder {str(folder)!r} cannot be read ({error.strerror}).", "Check its permissions.") from error
    return FolderContents(folders, files, unused)


def walk_files(folder: Path) -> Iterator[Entry]:
    """Yield all files below `folder` and what is not used among them, sorted by name per folder."""
    errors: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=errors.append, followlinks=False):
        yield from _prune(base, folders)
        siblings = set(names)
        for name in sorted(names):
            path = f"{base}/{name}"
            if noise := _noise(name):
                yield Entry(path, unused=_unused_entry(path, noise, is_folder=False))
            elif file_kinds.is_backup(name, siblings):
                yield Entry(path, file_kinds.BACKUP_COPY)
            else:
                yield Entry(path)
    for error in errors:
        yield Entry(os.fspath(error.filename), f"the folder cannot be read ({error.strerror})")


def _prune(base: str, folders: list[str]) -> Iterator[Entry]:
    """Remove folders that are not searched from the list, and yield them as entries."""
    noisy = {name: noise for name in folders if (noise := _noise(name))}
    # In place: `os.walk` descends into the folders that are left in its list.
    folders[:] = sorted(name for name in folders if name not in noisy)
    for name, noise in sorted(noisy.items()):
        yield Entry(f"{base}/{name}", unused=_unused_entry(f"{base}/{name}", noise, is_folder=True))
    for name in folders:
        path = f"{base}/{name}"
        if os.path.islink(path) and not _leads_back(path):  # noqa: PTH114 (pathlib is slow for a million files)
            yield Entry(path, "a link to a folder, which is not followed here")


def has_images(folder: Path, files: list[str]) -> bool:
    """Whether any of a folder's own files is an image: by extension, or the first few by content."""
    return any(map(looks_like_image, files)) or any(file_kinds.is_image(folder / name) for name in files[:_SNIFFED])


def count_files(folder: str | Path) -> tuple[int, int]:
    """(files, images by extension) in a folder and below."""
    names = [name for _, _, names in os.walk(folder, followlinks=False) for name in names if not _noise(name)]
    return len(names), sum(map(looks_like_image, names))


def unused_folder(folder: Path, reason: str) -> UnusedEntry:
    """The entry of a folder that does not fit the layout."""
    return UnusedEntry(f"{folder}/", FOLDER, reason, *count_files(folder))


def unused_files(folder: Path, files: list[str], image_reason: str) -> list[UnusedEntry]:
    """The entries of files that lie directly in a folder of which only the subfolders are read."""
    images = [name for name in files if looks_like_image(name)]
    others = [name for name in files if not looks_like_image(name)]
    result = [UnusedEntry(f"{folder}/{name}", LOOSE, image_reason, files=1, images=1) for name in images]
    for i, name in enumerate(others):
        path = f"{folder}/{name}"
        # Only the first ones are opened: there may be thousands of label files.
        reason = file_kinds.format_reason(name, file_kinds.read_head(path) if i < _SNIFFED else b"")
        result.append(UnusedEntry(path, kind_of_format(reason), reason))
    return result


def kind_of_format(reason: str) -> str:
    """The kind for a reason of `file_kinds.format_reason`."""
    if reason == file_kinds.LABEL_TABLE:
        return TABLE
    return UNREAD if reason.endswith(file_kinds.NOT_READ) else FORMAT


def _unused_entry(path: str, kind: str, is_folder: bool) -> UnusedEntry:
    reason = "in a recycle bin" if kind == BIN else "hidden, or made by the operating system"
    if not is_folder:
        return UnusedEntry(path, kind, reason)
    files = sum(len(names) for _, _, names in os.walk(path, followlinks=False))
    return UnusedEntry(f"{path}/", kind, reason, files)


def _noise(name: str) -> str:
    """The kind of a name that is never part of a dataset; "" for all others."""
    if file_kinds.is_recycle_bin(name):
        return BIN
    return SYSTEM if file_kinds.is_system(name) else ""


def _is_folder(entry: os.DirEntry) -> bool:
    if entry.is_symlink():
        return os.path.isdir(entry.path) and not _leads_back(entry.path)  # noqa: PTH112 (False for a link to itself)
    return entry.is_dir()


def _leads_back(link: str) -> bool:
    """Whether a link leads to a folder that contains it, whose images are therefore listed already."""
    return Path(link).parent.resolve().is_relative_to(Path(link).resolve())
