"""The folder layouts that can be read, and the walk over them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.errors import UserError

SPLITS = ("train", "validation", "test", "unlabelled")
_ALIASES = {
    "train": "train", "training": "train", "seg_train": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "seg_val": "validation",
    "test": "test", "testing": "test", "seg_test": "test",
    "pred": "unlabelled", "seg_pred": "unlabelled", "unlabelled": "unlabelled", "unlabeled": "unlabelled",
}  # fmt: skip
_NOISE = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
HELP = (
    "Accepted are: <class>/*.jpg; train|val|test/<class>/*.jpg; "
    "or Kaggle's seg_train/seg_train/<class>/*.jpg with seg_test and seg_pred beside it."
)


class Found(NamedTuple):
    """One candidate file. `split` is None where the layout leaves the choice to us; `class_name` None means unlabelled.

    With an `obstacle`, `path` is a folder that is not looked into, for this reason.
    """

    path: str
    split: str | None
    class_name: str | None
    obstacle: str = ""


@dataclass(frozen=True)
class Layout:
    """Class folders and loose folders of a dataset: (folder, split, class)."""

    root: Path
    folders: tuple[tuple[Path, str | None, str | None], ...]

    @property
    def has_splits(self) -> bool:
        return any(split in ("train", "test") for _, split, _ in self.folders)

    def files(self) -> Iterator[Found]:
        """The candidate files; a folder that is not looked into is no file."""
        return (item for item in self.entries() if not item.obstacle)

    def entries(self) -> Iterator[Found]:
        """The candidate files and the obstacles."""
        for folder, split, class_name in self.folders:
            for path, obstacle in _files_below(folder):
                yield Found(path, split, class_name, obstacle)


def detect(root: Path) -> Layout:
    """The layout of the dataset at `root`. Raises UserError where there is none.

    A link to a folder is followed where it stands for a split or a class, and nowhere below: a loop cannot hold a scan up. Links to
    files are followed wherever they lead, out of `root` as well: datasets are put together from links.
    """
    if not root.exists():
        raise UserError(f"There is no folder {str(root)!r}.", "Check the path; it is read on the machine that runs Scenescope.")
    if not root.is_dir():
        raise UserError(f"{str(root)!r} is a file, not a folder.", HELP)
    root = _unwrapped(root)
    below = _subfolders(root)
    splits = [(split, folder) for folder in below if (split := _ALIASES.get(folder.name.lower()))]
    if any(split == "train" for split, _ in splits):
        splits.sort(key=lambda entry: SPLITS.index(entry[0]))
        folders = tuple(entry for split, folder in splits for entry in _class_folders(folder, split))
    else:
        folders = tuple((folder, None, folder.name) for folder in below)
    if not folders:
        raise UserError(f"There are no class folders in {str(root)!r}.", HELP)
    return Layout(root, folders)


def displayable(name: str) -> tuple[str, bytes | None]:
    """The name as text that can be stored and shown, and its bytes where the text is not the name.

    Bytes that are no UTF-8 are shown as \\xNN, and then backslashes are doubled: no two names are shown alike.
    """
    raw = os.fsencode(name)
    if "\\x" not in name and raw.decode("utf-8", "ignore") == name:
        return name, None
    return raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace"), raw


def _class_folders(folder: Path, split: str) -> list[tuple[Path, str | None, str | None]]:
    nested = [sub for sub in _subfolders(folder) if sub.name.lower() == folder.name.lower()]
    folder = nested[0] if nested else folder
    if split == "unlabelled":
        return [(folder, split, None)]
    return [(sub, split, sub.name) for sub in _subfolders(folder)]


def _unwrapped(root: Path) -> Path:
    """Step into `archive/` and the like: a lone folder that holds the split folders, or several class folders."""
    below = _subfolders(root)
    if len(below) != 1:
        return root
    inside = _subfolders(below[0])
    if len(inside) > 1 or any(_ALIASES.get(sub.name.lower()) == "train" for sub in inside):
        return _unwrapped(below[0])
    return root


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not _is_noise(entry.name) and _is_folder(entry)]
    except OSError as error:
        raise UserError(f"The folder {str(folder)!r} cannot be read ({error.strerror}).", "Check its permissions.") from error
    return [folder / name for name in sorted(names)]


def _is_folder(entry: os.DirEntry) -> bool:
    if entry.is_symlink():
        return os.path.isdir(entry.path) and not _leads_back(entry.path)  # noqa: PTH112 (False for a link to itself)
    return entry.is_dir()


def _leads_back(link: str) -> bool:
    """Whether this is a link to a folder that holds it: its images are found already."""
    return Path(link).parent.resolve().is_relative_to(Path(link).resolve())


def _files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Files with "", and folders that are not looked into with the reason."""
    refused: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=refused.append, followlinks=False):
        folders[:] = sorted(name for name in folders if not _is_noise(name))
        for name in folders:
            if os.path.islink(path := f"{base}/{name}") and not _leads_back(path):  # noqa: PTH114 (pathlib is slow for a million files)
                yield path, "a link to a folder, which is not followed here"
        for name in sorted(names):
            if not _is_noise(name):
                yield f"{base}/{name}", ""
    for error in refused:
        yield os.fspath(error.filename), f"the folder cannot be read ({error.strerror})"


def _is_noise(name: str) -> bool:
    return name.startswith(".") or name.lower() in _NOISE
