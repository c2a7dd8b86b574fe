"""The folder layouts that can be read: which folder is a split, which one a class, and which are left out."""

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
# Names that mean a split to some people only: taken for one where nothing else can be meant.
_MAYBE = {"dev": ("validation",), "eval": ("test", "validation"), "evaluation": ("test", "validation"), "holdout": ("test",)}
# Folders that lie beside the splits of many datasets and hold pictures of no class.
_NO_CLASS_NAMES = frozenset(
    ("images", "img", "imgs", "pictures", "photos", "data", "raw", "docs", "samples", "sample", "sample_images", "examples", "figures",
     "plots", "output", "outputs", "results", "assets", "screenshots")
)  # fmt: skip
HELP = (
    "Accepted are: <class>/*.jpg; train|val|test/<class>/*.jpg; "
    "or Kaggle's seg_train/seg_train/<class>/*.jpg with seg_test and seg_pred beside it."
)
_NO_SPLIT = "its name is not one of a split (train, val, test)"
_NO_CLASS = "in no class folder"

_SEARCHED = 20  # folders in which a table of labels is looked for

Folder = tuple[Path, str | None, str | None]


class LayoutEntry(NamedTuple):
    """One candidate file. `split` is None where the layout leaves the choice to us; `class_name` None means unlabelled.

    With an `obstacle`, `path` is a file or folder that is not looked into, for this reason. What is `left_out` gets no row.
    """

    path: str
    split: str | None
    class_name: str | None
    obstacle: str = ""
    left_out: UnusedEntry | None = None


@dataclass(frozen=True)
class Layout:
    """Class folders and loose folders of a dataset: (folder, split, class); what lies beside them; what was taken for what."""

    root: Path
    folders: tuple[Folder, ...]
    left_out: tuple[UnusedEntry, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_splits(self) -> bool:
        return any(split in ("train", "test") for _, split, _ in self.folders)

    @property
    def label_tables(self) -> list[str]:
        """Files beside the folders that look like tables of labels, relative to the root."""
        return [os.path.relpath(item.path, self.root) for item in self.left_out if item.kind == walk.TABLE]

    def files(self) -> Iterator[LayoutEntry]:
        """The candidate files; a folder that is not looked into is no file."""
        return (item for item in self.entries() if not (item.obstacle or item.left_out))

    def entries(self) -> Iterator[LayoutEntry]:
        """The candidate files, the obstacles and what is left out inside the folders."""
        for folder, split, class_name in self.folders:
            for path, obstacle, left_out in walk.walk_files(folder):
                yield LayoutEntry(path, split, class_name, obstacle, left_out)


def detect(root: Path) -> Layout:
    """The layout of the dataset at `root`. Raises UserError where there is none.

    A link to a folder is followed where it stands for a split or a class, and nowhere below: a loop cannot hold a scan up. Links to
    files are followed wherever they lead, out of `root` as well: datasets are put together from links.
    """
    if not root.exists():
        raise UserError(f"There is no folder {str(root)!r}.", "Check the path; it is read on the machine that runs Scenescope.")
    if not root.is_dir():
        if file_kinds.is_archive(root.name):
            raise UserError(f"{str(root)!r} is an archive.", "Unpack it, and add the folder that comes out.")
        raise UserError(f"{str(root)!r} is a file, not a folder.", HELP)
    root, outside = _unwrapped(root)
    inside = walk.list_folder(root)
    splits = _splits(inside.folders)
    layout = _with_splits(root, inside.folders, splits) if splits else _flat(root, inside)
    beside = walk.unused_files(root, inside.files, _NO_CLASS)
    return Layout(root, layout.folders, (*outside, *inside.left_out, *beside, *layout.left_out), layout.notes)


def display_name(name: str) -> tuple[str, bytes | None]:
    """The name as text that can be stored and shown, and its bytes where the text is not the name.

    Bytes that are no UTF-8 are shown as \\xNN, and then backslashes are doubled: no two names are shown alike.
    """
    raw = os.fsencode(name)
    if "\\x" not in name and raw.decode("utf-8", "ignore") == name:
        return name, None
    return raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace"), raw


def label_table_hint(tables: Sequence[str]) -> str:
    """A sentence about tables of labels, and the way round; "" where there are none."""
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
    """The folders that are splits; none where the folders are classes, although one of them may be called like a split.

    A split holds class folders, not pictures. A class called `train` holds pictures, or is one folder among others that do.
    """
    named = [(split, folder) for folder in folders if (split := _split_of(folder))]
    holding = [(split, folder) for split, folder in named if split != "unlabelled" and _holds_classes(folder)]
    result = {split for split, _ in holding}
    if not result:
        return []
    others = [folder for folder in folders if _split_of(folder) is None]
    if result == {"train"} and len(named) == len(holding) and _outweigh(others, [folder for _, folder in holding]):
        return []
    if "train" not in result and any(walk.count_files(folder)[1] for folder in others):
        return []
    return sorted(named, key=lambda entry: SPLITS.index(entry[0]))


def _holds_classes(folder: Path) -> bool:
    """Whether there are folders with files in it, and more pictures in these than beside them."""
    inside = walk.list_folder(_without_wrapper(folder))
    if not any(walk.count_files(sub)[0] for sub in inside.folders):
        return False
    if not walk.holds_pictures(folder, inside.files):
        return True
    return sum(walk.count_files(sub)[1] for sub in inside.folders) > inside.images


def _outweigh(others: list[Path], training: list[Path]) -> bool:
    """Whether two or more folders that hold pictures stand beside `train`, with no fewer of them: then all are classes."""
    counts = [n for folder in others if _plain(folder.name) not in _NO_CLASS_NAMES and (n := walk.list_folder(folder).images)]
    return len(counts) > 1 and sum(counts) >= sum(walk.count_files(folder)[1] for folder in training)


def _with_splits(root: Path, folders: list[Path], splits: list[tuple[str, Path]]) -> Layout:
    parts = [_class_folders(root, folder, split) for split, folder in splits]
    others = [folder for folder in folders if folder not in {folder for _, folder in splits}]
    extra, split = _meant_as_split(others, [entry for part in parts for entry in part.folders])
    notes = [note for part in parts for note in part.notes]
    if extra and split:
        parts.append(_class_folders(root, extra, split))
        notes.append(f"{extra.name}/ is taken as the {split} split.")
    unused = [walk.unused_folder(folder, _NO_SPLIT) for folder in others if folder != extra]
    result = tuple(entry for part in parts for entry in part.folders)
    return Layout(root, result, (*(item for part in parts for item in part.left_out), *unused), tuple(notes))


def _meant_as_split(others: list[Path], found: list[Folder]) -> tuple[Path | None, str | None]:
    """The one folder among `others` whose name may mean a split that is missing, if it holds classes of `train`."""
    candidates = [folder for folder in others if _plain(folder.name) in _MAYBE]
    if len(candidates) != 1:
        return None, None
    taken = {split for _, split, _ in found}
    missing = [split for split in _MAYBE[_plain(candidates[0].name)] if split not in taken]
    classes = {name for _, split, name in found if split == "train"}
    own = {normalize_name(folder.name) for folder in walk.list_folder(_without_wrapper(candidates[0])).folders}
    return (candidates[0], missing[0]) if missing and own & classes else (None, None)


def _class_folders(root: Path, folder: Path, split: str) -> Layout:
    """The class folders of one split, and what lies beside them."""
    inner = _without_wrapper(folder)
    inside, left_out = walk.list_folder(inner), _around(folder, inner)
    if split == "unlabelled":
        return Layout(root, ((inner, split, None),), left_out)
    if split != "train" and not inside.folders and walk.holds_pictures(inner, inside.files):
        note = f"{os.path.relpath(inner, root)}/ holds pictures and no class folders; its images are taken as unlabelled."
        return Layout(root, ((inner, "unlabelled", None),), left_out, (note,))
    beside = walk.unused_files(inner, inside.files, _NO_CLASS)
    folders = tuple((sub, split, normalize_name(sub.name)) for sub in inside.folders)
    return Layout(root, folders, (*left_out, *inside.left_out, *beside))


def _around(folder: Path, inner: Path) -> tuple[UnusedEntry, ...]:
    """What lies in a wrapper beside the folder that it holds."""
    if inner == folder:
        return ()
    around = walk.list_folder(folder)
    others = [walk.unused_folder(other, _NO_CLASS) for other in around.folders if other != inner]
    return (*around.left_out, *walk.unused_files(folder, around.files, _NO_CLASS), *others)


def _without_wrapper(folder: Path) -> Path:
    """Kaggle's doubled folder, seg_train/seg_train: it repeats the one name, and holds the classes; else the folder itself."""
    inside = walk.list_folder(folder)
    same = next((sub for sub in inside.folders if sub.name.lower() == folder.name.lower()), None)
    if same is None:
        return folder
    nested = walk.list_folder(same)
    if _split_of(folder) != "unlabelled" and (not nested.folders or walk.holds_pictures(same, nested.files)):
        return folder
    # A class that has folders inside stands among other classes.
    beside = sum(walk.count_files(sub)[1] for sub in inside.folders if sub != same)
    return folder if beside and beside >= walk.count_files(same)[1] else same


def _flat(root: Path, inside: walk.FolderContents) -> Layout:
    """One folder per class. Raises UserError where no folder is one."""
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
    only = f": {' and '.join(loose)} {'holds' if len(loose) == 1 else 'hold'} pictures only" if loose else ""
    raise UserError(f"There are no class folders in {str(root)!r}{only}.", label_table_hint(tables) or HELP)


def _unwrapped(root: Path) -> tuple[Path, list[UnusedEntry]]:
    """Step into `archive/` and the like: a lone folder that holds the split folders, or several class folders; what lies outside."""
    around = walk.list_folder(root)
    if len(around.folders) != 1:
        return root, []
    inside = walk.list_folder(around.folders[0])
    if len(inside.folders) > 1 or any(_split_of(sub) == "train" for sub in inside.folders):
        inner, outside = _unwrapped(around.folders[0])
        return inner, [*around.left_out, *walk.unused_files(root, around.files, _NO_CLASS), *outside]
    return root, []
