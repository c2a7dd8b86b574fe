"""Detects folder layouts: which folder is a split, which one is a class, and which are not used."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from engine.core.errors import UserError
from engine.data import file_kinds, walk
from engine.data.class_names import normalize_name
from engine.data.walk import UnusedEntry

SPLITS = ("train", "validation", "test", "unlabelled")
_ALIASES = {
    **dict.fromkeys(("train", "training", "seg_train", "train_set", "training_set", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "seg_val", "val_set", "validation_set", "valset"), "validation"),
    **dict.fromkeys(("test", "testing", "seg_test", "test_set", "testing_set", "testset"), "test"),
    **dict.fromkeys(("pred", "seg_pred", "unlabelled", "unlabeled"), "unlabelled"),
}
# Names that only some people use for a split: taken as one where nothing else can be meant.
_MAYBE = {"dev": ("validation",), "eval": ("test", "validation"), "evaluation": ("test", "validation"), "holdout": ("test",)}
# Folders beside the splits of many datasets whose images belong to no class.
_NO_CLASS_NAMES = frozenset(
    ("images", "img", "imgs", "pictures", "photos", "data", "raw", "docs", "samples", "sample", "sample_images", "examples", "figures",
     "plots", "output", "outputs", "results", "assets", "screenshots")
)  # fmt: skip
HELP = (
    "Supported layouts: <class>/*.jpg; train|val|test/<class>/*.jpg; "
    "or Kaggle's seg_train/seg_train/<class>/*.jpg with seg_test and seg_pred beside it."
)
_NO_SPLIT = "its name is not one of a split (train, val, test)"
_NO_CLASS = "in no class folder"

_SEARCHED = 20  # folders that are searched for a table of labels

Folder = tuple[Path, str | None, str | None]


class LayoutEntry(NamedTuple):
    """One candidate file. `split` is None where the layout names no splits; `class_name` is None for unlabelled images.

    With an `obstacle`, `path` is a file or folder that is not read, for this reason. An `unused` entry gets no row in the catalog.
    """

    path: str
    split: str | None
    class_name: str | None
    obstacle: str = ""
    unused: UnusedEntry | None = None


@dataclass(frozen=True)
class Layout:
    """The folders of a dataset as (folder, split, class), unused entries beside them, and notes on ambiguous names."""

    root: Path
    folders: tuple[Folder, ...]
    unused: tuple[UnusedEntry, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_splits(self) -> bool:
        """Whether the layout names training or test images."""
        return any(split in ("train", "test") for _, split, _ in self.folders)

    @property
    def label_tables(self) -> list[str]:
        """Files beside the folders that look like tables of labels, relative to the root."""
        return [os.path.relpath(item.path, self.root) for item in self.unused if item.kind == walk.TABLE]

    def files(self) -> Iterator[LayoutEntry]:
        """The candidate files, without obstacles and unused entries."""
        return (item for item in self.entries() if not (item.obstacle or item.unused))

    def entries(self) -> Iterator[LayoutEntry]:
        """The candidate files, obstacles and unused entries inside the folders."""
        for folder, split, class_name in self.folders:
            for path, obstacle, unused in walk.walk_files(folder):
                yield LayoutEntry(path, split, class_name, obstacle, unused)


def detect(root: Path) -> Layout:
    """The layout of the dataset at `root`. Raises UserError where there is none.

    A link to a folder is followed where it stands for a split or a class, but not below, so that a loop cannot trap a scan. Links
    to files are followed wherever they lead, even out of `root`: some datasets are assembled from links.
    """
    if not root.exists():
        raise UserError(
            f"There is no folder {str(root)!r}.", "Check the path; it must exist on the machine that runs Scenescope."
        )
    if not root.is_dir():
        if file_kinds.is_archive(root.name):
            raise UserError(f"{str(root)!r} is an archive.", "Unpack it and add the resulting folder.")
        raise UserError(f"{str(root)!r} is a file, not a folder.", HELP)
    root, outside = _unwrap(root)
    inside = walk.list_folder(root)
    splits = _splits(inside.folders)
    layout = _with_splits(root, inside.folders, splits) if splits else _flat(root, inside)
    beside = walk.unused_files(root, inside.files, _NO_CLASS)
    return Layout(root, layout.folders, (*outside, *inside.unused, *beside, *layout.unused), layout.notes)


def display_name(name: str) -> tuple[str, bytes | None]:
    """The name as text that can be stored and displayed, and its bytes where the text differs from the name.

    Bytes that are not UTF-8 become \\xNN, and backslashes are then doubled, so that different names stay different.
    """
    raw = os.fsencode(name)
    if "\\x" not in name and raw.decode("utf-8", "ignore") == name:
        return name, None
    return raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace"), raw


def label_table_hint(tables: Sequence[str]) -> str:
    """A sentence about tables of labels, with a workaround; "" where there are none."""
    if not tables:
        return ""
    named = " and ".join(tables[:2])
    looks = "looks like a table" if len(tables) == 1 else "look like tables"
    return f"{named} {looks} of labels; reading it is not supported yet: sort the images into one folder per class."


def _split_of(folder: Path) -> str | None:
    return _ALIASES.get(_plain(folder.name))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def _splits(folders: list[Path]) -> list[tuple[str, Path]]:
    """The folders that are splits; none where the folders are classes, even if one has a split's name.

    A split contains class folders, not images. A class named `train` contains images, or stands among other folders that do.
    """
    named = [(split, folder) for folder in folders if (split := _split_of(folder))]
    with_classes = [(split, folder) for split, folder in named if split != "unlabelled" and _has_classes(folder)]
    splits = {split for split, _ in with_classes}
    if not splits:
        return []
    others = [folder for folder in folders if _split_of(folder) is None]
    if splits == {"train"} and len(named) == len(with_classes) and _outweigh(others, [folder for _, folder in with_classes]):
        return []
    if "train" not in splits and any(walk.count_files(folder)[1] for folder in others):
        return []
    return sorted(named, key=lambda entry: SPLITS.index(entry[0]))


def _has_classes(folder: Path) -> bool:
    """Whether the folder contains folders with files, and more images in these than beside them."""
    inside = walk.list_folder(_without_wrapper(folder))
    if not any(walk.count_files(sub)[0] for sub in inside.folders):
        return False
    if not walk.has_images(folder, inside.files):
        return True
    return sum(walk.count_files(sub)[1] for sub in inside.folders) > inside.images


def _outweigh(others: list[Path], training: list[Path]) -> bool:
    """Whether at least two other folders contain as many images together as `train`: then all of them are classes."""
    counts = [n for folder in others if _plain(folder.name) not in _NO_CLASS_NAMES and (n := walk.list_folder(folder).images)]
    return len(counts) > 1 and sum(counts) >= sum(walk.count_files(folder)[1] for folder in training)


def _with_splits(root: Path, folders: list[Path], splits: list[tuple[str, Path]]) -> Layout:
    parts = [_class_folders(root, folder, split) for split, folder in splits]
    others = [folder for folder in folders if folder not in {folder for _, folder in splits}]
    extra, split = _find_renamed_split(others, [entry for part in parts for entry in part.folders])
    notes = [note for part in parts for note in part.notes]
    if extra and split:
        parts.append(_class_folders(root, extra, split))
        notes.append(f"{extra.name}/ is taken as the {split} split.")
    unused = [item for part in parts for item in part.unused]
    unused += [walk.unused_folder(folder, _NO_SPLIT) for folder in others if folder != extra]
    return Layout(root, tuple(entry for part in parts for entry in part.folders), tuple(unused), tuple(notes))


def _find_renamed_split(others: list[Path], folders: list[Folder]) -> tuple[Path | None, str | None]:
    """The only folder among `others` whose name may mean a missing split, if it contains classes of `train`; and the split."""
    candidates = [folder for folder in others if _plain(folder.name) in _MAYBE]
    if len(candidates) != 1:
        return None, None
    present = {split for _, split, _ in folders}
    missing = [split for split in _MAYBE[_plain(candidates[0].name)] if split not in present]
    classes = {name for _, split, name in folders if split == "train"}
    own = {normalize_name(folder.name) for folder in walk.list_folder(_without_wrapper(candidates[0])).folders}
    return (candidates[0], missing[0]) if missing and own & classes else (None, None)


def _class_folders(root: Path, folder: Path, split: str) -> Layout:
    """The class folders of one split, and unused entries beside them."""
    inner = _without_wrapper(folder)
    inside, unused = walk.list_folder(inner), _unused_in_wrapper(folder, inner)
    if split == "unlabelled":
        return Layout(root, ((inner, split, None),), unused)
    if split != "train" and not inside.folders and walk.has_images(inner, inside.files):
        note = f"{os.path.relpath(inner, root)}/ holds images and no class folders; they are taken as unlabelled."
        return Layout(root, ((inner, "unlabelled", None),), unused, (note,))
    beside = walk.unused_files(inner, inside.files, _NO_CLASS)
    folders = tuple((sub, split, normalize_name(sub.name)) for sub in inside.folders)
    return Layout(root, folders, (*unused, *inside.unused, *beside))


def _unused_in_wrapper(folder: Path, inner: Path) -> tuple[UnusedEntry, ...]:
    """The entries of a wrapper folder beside the folder that it wraps."""
    if inner == folder:
        return ()
    around = walk.list_folder(folder)
    others = [walk.unused_folder(other, _NO_CLASS) for other in around.folders if other != inner]
    return (*around.unused, *walk.unused_files(folder, around.files, _NO_CLASS), *others)


def _without_wrapper(folder: Path) -> Path:
    """The inner folder of Kaggle's doubled folders (seg_train/seg_train) if it contains the classes; else the folder itself."""
    inside = walk.list_folder(folder)
    same = next((sub for sub in inside.folders if sub.name.lower() == folder.name.lower()), None)
    if same is None:
        return folder
    nested = walk.list_folder(same)
    if _split_of(folder) != "unlabelled" and (not nested.folders or walk.has_images(same, nested.files)):
        return folder
    # A class that happens to contain a folder of its own name stands among other classes.
    beside = sum(walk.count_files(sub)[1] for sub in inside.folders if sub != same)
    return folder if beside and beside >= walk.count_files(same)[1] else same


def _flat(root: Path, inside: walk.FolderContents) -> Layout:
    """The layout with one folder per class. Raises UserError where there are no class folders."""
    named = [folder for folder in inside.folders if _split_of(folder)]
    if not inside.folders or (named and not any(walk.count_files(folder)[0] for folder in inside.folders if folder not in named)):
        _refuse(root, inside, named)
    notes = tuple(f"{folder.name}/ is taken as a class, like the folders beside it, and not as a split." for folder in named)
    return Layout(root, tuple((folder, None, normalize_name(folder.name)) for folder in inside.folders), notes=notes)


def _refuse(root: Path, inside: walk.FolderContents, named: list[Path]) -> NoReturn:
    tables = [
        os.path.relpath(item.path, root.parent)
        for folder in (root, *inside.folders[:_SEARCHED])
        for item in walk.unused_files(folder, walk.list_folder(folder).files, _NO_CLASS)
        if item.kind == walk.TABLE
    ]
    loose = [f"{folder.name}/" for folder in named if walk.count_files(folder)[1]]
    only = f": {' and '.join(loose)} {'holds' if len(loose) == 1 else 'hold'} images only" if loose else ""
    raise UserError(f"There are no class folders in {str(root)!r}{only}.", label_table_hint(tables) or HELP)


def _unwrap(root: Path) -> tuple[Path, list[UnusedEntry]]:
    """Step into `archive/` and the like: a lone folder with split folders or several class folders. Also the unused entries outside."""
    around = walk.list_folder(root)
    if len(around.folders) != 1:
        return root, []
    inside = walk.list_folder(around.folders[0])
    if len(inside.folders) > 1 or any(_split_of(sub) == "train" for sub in inside.folders):
        inner, outside = _unwrap(around.folders[0])
        return inner, [*around.unused, *walk.unused_files(root, around.files, _NO_CLASS), *outside]
    return root, []
