"""The walk over the files of a dataset, and what it leaves out on the way."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.core.errors import UserError
from engine.data import file_kinds
from engine.data.file_kinds import looks_like_image

# Why something is left out.
FOLDER, LOOSE, TABLE, UNREAD, FORMAT = "folder", "loose", "table", "unread", "format"
BACKUP, BIN, SYSTEM = "backup", "bin", "system"
_SNIFFED = 50  # files of a folder whose first bytes are read, where their names do not say what they are


class UnusedEntry(NamedTuple):
    """A file, or a folder with all that it holds, that is not looked at any further. `path` of a folder ends in a slash."""

    path: str
    kind: str
    reason: str
    files: int = 1
    images: int = 0  # among the files, by name


class Entry(NamedTuple):
    """A candidate file; with an `obstacle` a file or folder that is not read, for this reason; or something left out."""

    path: str
    obstacle: str = ""
    left_out: UnusedEntry | None = None


class FolderContents(NamedTuple):
    """What lies directly in a folder; the names are sorted."""

    folders: list[Path]
    files: list[str]
    left_out: list[UnusedEntry]

    @property
    def images(self) -> int:
        """How many files are pictures by their names."""
        return sum(map(looks_like_image, self.files))


def list_folder(folder: Path) -> FolderContents:
    """What lies directly in `folder`, without what systems leave there. Raises UserError where it cannot be read."""
    folders, files, left_out = [], [], []
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                is_folder = _is_folder(entry)
                if noise := _noise(entry.name):
                    left_out.append(_left_out(entry.path, noise, entry.is_dir(follow_symlinks=False)))
                elif is_folder:
                    folders.append(folder / entry.name)
                elif not entry.is_symlink() or os.path.isfile(entry.path):  # noqa: PTH113
                    files.append(entry.name)
    except OSError as error:
        raise UserError(f"The folder {str(folder)!r} cannot be read ({error.strerror}).", "Check its permissions.") from error
    return FolderContents(folders, files, left_out)


def walk_files(folder: Path) -> Iterator[Entry]:
    """All files, with what is left out among them, in the order of their names."""
    refused: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=refused.append, followlinks=False):
        yield from _pruned(base, folders)
        beside = set(names)
        for name in sorted(names):
            path = f"{base}/{name}"
            if noise := _noise(name):
                yield Entry(path, left_out=_left_out(path, noise, is_folder=False))
            elif file_kinds.is_backup(name, beside):
                yield Entry(path, file_kinds.BACKUP_COPY)
            else:
                yield Entry(path)
    for error in refused:
        yield Entry(os.fspath(error.filename), f"the folder cannot be read ({error.strerror})")


def _pruned(base: str, folders: list[str]) -> Iterator[Entry]:
    """Take those folders out of the list that are not looked into; what is left out with them."""
    noisy = {name: noise for name in folders if (noise := _noise(name))}
    folders[:] = sorted(name for name in folders if name not in noisy)
    for name, noise in sorted(noisy.items()):
        yield Entry(f"{base}/{name}", left_out=_left_out(f"{base}/{name}", noise, is_folder=True))
    for name in folders:
        if os.path.islink(path := f"{base}/{name}") and not _leads_back(path):  # noqa: PTH114 (pathlib is slow for a million files)
            yield Entry(path, "a link to a folder, which is not followed here")


def holds_pictures(folder: Path, files: list[str]) -> bool:
    """Whether some of a folder's own files are pictures: by name, or the first few by what they hold."""
    return any(map(looks_like_image, files)) or any(file_kinds.is_image(folder / name) for name in files[:_SNIFFED])


def count_files(folder: str | Path) -> tuple[int, int]:
    """How many files a folder holds, and how many of them are pictures by their names."""
    names = [name for _, _, names in os.walk(folder, followlinks=False) for name in names if not _noise(name)]
    return len(names), sum(map(looks_like_image, names))


def unused_folder(folder: Path, reason: str) -> UnusedEntry:
    """A folder that the layout has no place for."""
    return UnusedEntry(f"{folder}/", FOLDER, reason, *count_files(folder))


def unused_files(folder: Path, files: list[str], where: str) -> list[UnusedEntry]:
    """The files that lie directly in a folder whose folders alone are read. `where`: the reason for pictures among them."""
    pictures = [name for name in files if looks_like_image(name)]
    others = [name for name in files if not looks_like_image(name)]
    result = [UnusedEntry(f"{folder}/{name}", LOOSE, where, 1, 1) for name in pictures]
    for place, name in enumerate(others):
        path = f"{folder}/{name}"
        # Thousands of label files are not opened one by one.
        reason = file_kinds.format_reason(name, file_kinds.read_head(path) if place < _SNIFFED else b"")
        result.append(UnusedEntry(path, kind_of_format(reason), reason))
    return result


def kind_of_format(reason: str) -> str:
    """The kind of a reason that `file_kinds.format_reason` gave."""
    if reason == file_kinds.LABEL_TABLE:
        return TABLE
    return UNREAD if reason.endswith(file_kinds.NOT_READ) else FORMAT


def _left_out(path: str, kind: str, is_folder: bool) -> UnusedEntry:
    reason = "in a recycle bin" if kind == BIN else "hidden, or made by the operating system"
    if not is_folder:
        return UnusedEntry(path, kind, reason)
    files = sum(len(names) for _, _, names in os.walk(path, followlinks=False))
    return UnusedEntry(f"{path}/", kind, reason, files)


def _noise(name: str) -> str:
    if file_kinds.is_recycle_bin(name):
        return BIN
    return SYSTEM if file_kinds.is_system(name) else ""


def _is_folder(entry: os.DirEntry) -> bool:
    if entry.is_symlink():
        return os.path.isdir(entry.path) and not _leads_back(entry.path)  # noqa: PTH112 (False for a link to itself)
    return entry.is_dir()


def _leads_back(link: str) -> bool:
    """Whether this is a link to a folder that holds it: its images are found already."""
    return Path(link).parent.resolve().is_relative_to(Path(link).resolve())
