"""The folder layouts that can be read, and the walk over them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Found:
    """One candidate file. `split` is None where the layout leaves the choice to us; `class_name` None means unlabelled."""

    path: Path
    split: str | None
    class_name: str | None


@dataclass(frozen=True)
class Layout:
    """Class folders and loose folders of a dataset: (folder, split, class)."""

    root: Path
    folders: tuple[tuple[Path, str | None, str | None], ...]

    @property
    def has_splits(self) -> bool:
        return any(split in ("train", "test") for _, split, _ in self.folders)

    def files(self) -> Iterator[Found]:
        for folder, split, class_name in self.folders:
            for path in _files_below(folder):
                yield Found(path, split, class_name)


def detect(root: Path) -> Layout:
    """The layout of the dataset at `root`. Raises UserError where there is none."""
    if not root.exists():
        raise UserError(f"There is no folder {str(root)!r}.", "Check the path; it is read on the machine that runs Scenescope.")
    if not root.is_dir():
        raise UserError(f"{str(root)!r} is a file, not a folder.", HELP)
    root = _unwrapped(root)
    splits = {_ALIASES.get(folder.name.lower()): folder for folder in _subfolders(root)}
    if "train" in splits:
        folders = tuple(entry for split in SPLITS if split in splits for entry in _class_folders(splits[split], split))
    else:
        folders = tuple((folder, None, folder.name) for folder in _subfolders(root))
    if not folders:
        raise UserError(f"There are no class folders in {str(root)!r}.", HELP)
    return Layout(root, folders)


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
    return sorted(path for path in folder.iterdir() if not _is_noise(path.name) and path.is_dir() and not _leads_back(path))


def _leads_back(path: Path) -> bool:
    """Whether this is a link to a folder that holds it: its images are found already."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def _files_below(folder: Path) -> Iterator[Path]:
    # Links to folders are not followed: a loop cannot hold the scan up.
    for base, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not _is_noise(name))
        for name in sorted(names):
            if not _is_noise(name):
                yield Path(base, name)


def _is_noise(name: str) -> bool:
    return name.startswith(".") or name.lower() in _NOISE
