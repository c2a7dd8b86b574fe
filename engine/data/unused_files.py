"""Which files of a dataset are not used, and why: one report for the command line and all pages."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict

from engine.data import file_kinds, walk
from engine.data.class_names import spelling_hint
from engine.data.fingerprint import UNLEARNABLE
from engine.data.layouts import LayoutEntry, display_name

if TYPE_CHECKING:
    from engine.data.catalog import Catalog

_KEY = "unused"  # in the catalog's `meta`: unused files of the last scan that have no row
_NAMED = 500  # files per kind whose names are kept
_FORMAT = 1
_LISTED = 5  # names in a sentence

# Kinds, the most important first: sentences for one and for many files, and a hint.
_KINDS = {
    "missing": ("{n} file is gone since the last scan", "{n} files are gone since the last scan", ""),
    "damaged": ("{n} file could not be read", "{n} files could not be read", ""),
    "pointer": (
        "{n} file is a pointer of Git LFS or git-annex: the image itself was not downloaded",
        "{n} files are pointers of Git LFS or git-annex: the images themselves were not downloaded",
        "Run git lfs pull (or git annex get .) in that folder, then add it again.",
    ),
    "link": ("{n} link leads to a file that is not there", "{n} links lead to files that are not there", ""),
    "class": ("{n} image has a class without training images", "{n} images have a class without training images", ""),
    walk.FOLDER: (
        "{n} file is in a folder that is not a split", "{n} files are in folders that are not splits",
        "To use such a folder, name it train, val or test.",
    ),
    walk.LOOSE: ("{n} image is in no class folder", "{n} images are in no class folder", "Put each into the folder of its class."),
    walk.TABLE: (
        "{n} file looks like a table of labels", "{n} files look like tables of labels",
        "Reading them is not supported yet: sort the images into one folder per class.",
    ),
    walk.BACKUP: ("{n} file is a backup copy that an editor left", "{n} files are backup copies that an editor left", ""),
    walk.UNREAD: (
        "{n} file is in a format that is not read", "{n} files are in formats that are not read", file_kinds.READ_FORMATS,
    ),
    walk.FORMAT: ("{n} file is not an image", "{n} files are not images", ""),
    walk.BIN: ("{n} file is in a recycle bin", "{n} files are in recycle bins", ""),
    walk.SYSTEM: ("{n} file is hidden or made by the system", "{n} files are hidden or made by the system", ""),
}  # fmt: skip
_QUIET = frozenset({walk.FORMAT, walk.BIN, walk.SYSTEM})  # files that nobody would expect among the images


class UnusedFileDocument(TypedDict):
    """`UnusedFile` in JSON."""

    path: str
    reason: str
    files: int
    images: int


class UnusedGroupDocument(TypedDict):
    """`UnusedGroup` in JSON, with its sentence."""

    kind: str
    sentence: str
    files: int
    named: list[UnusedFileDocument]
    hint: str


class UnusedDocument(TypedDict):
    """`UnusedReport` in JSON. `files`: their number."""

    files: int
    notes: list[str]
    groups: list[UnusedGroupDocument]


@dataclass(frozen=True)
class UnusedFile:
    """A file that is not used, or a folder of such files (its path ends in a slash), with the reason."""

    path: str
    reason: str
    files: int = 1
    images: int = 0

    def document(self) -> UnusedFileDocument:
        return {"path": self.path, "reason": self.reason, "files": self.files, "images": self.images}


@dataclass(frozen=True)
class UnusedGroup:
    """Files that are not used for one kind of reason. `files`: their number; `named`: the first ones."""

    kind: str
    files: int
    named: tuple[UnusedFile, ...]
    hint: str = ""

    @property
    def sentence(self) -> str:
        """Such as "2 images are in no class folder"."""
        one, many, _ = _KINDS[self.kind]
        return (one if self.files == 1 else many).format(n=f"{self.files:,}") + self._details

    def document(self) -> UnusedGroupDocument:
        named = [file.document() for file in self.named]
        return {"kind": self.kind, "sentence": self.sentence, "files": self.files, "named": named, "hint": self.hint}

    @property
    def loud(self) -> bool:
        """Whether these files may have been meant as images of the dataset."""
        return self.kind not in _QUIET

    @property
    def _details(self) -> str:
        """The first folders, formats or extensions in parentheses; "" for other kinds."""
        if self.kind == walk.FOLDER:
            names = [f"{item.path} with {_count_text(item)}" for item in self.named]
        elif self.kind == walk.UNREAD:
            names = [item.reason.removesuffix(file_kinds.NOT_READ) for item in self.named]
        elif self.kind == walk.FORMAT:
            names = [Path(item.path).suffix.lower() or "no extension" for item in self.named]
        else:
            return ""
        names = list(dict.fromkeys(names))
        return f" ({', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''})"


@dataclass(frozen=True)
class UnusedReport:
    """All files that are not used, by reason, and notes on how ambiguous folder names were understood."""

    groups: tuple[UnusedGroup, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        return sum(group.files for group in self.groups)

    @property
    def loud(self) -> bool:
        """Whether any of the files may have been meant as an image."""
        return any(group.loud for group in self.groups)

    @property
    def headline(self) -> str:
        """Such as "3 files are not used"; "" where there are none."""
        return f"{self.files:,} {'file is' if self.files == 1 else 'files are'} not used" if self.files else ""

    @property
    def summary(self) -> str:
        """The reasons in one line, the most important first."""
        return "; ".join(group.sentence for group in self.groups)

    @classmethod
    def from_document(cls, document: UnusedDocument) -> Self:
        """The report that `document` wrote."""
        groups = [
            UnusedGroup(entry["kind"], entry["files"], tuple(UnusedFile(**item) for item in entry["named"]), entry["hint"])
            for entry in document["groups"]
            if entry["kind"] in _KINDS
        ]
        return cls(tuple(groups), tuple(document["notes"]))

    def document(self) -> UnusedDocument:
        """The report as a JSON document."""
        return {"files": self.files, "notes": list(self.notes), "groups": [group.document() for group in self.groups]}


def _count_text(item: UnusedFile) -> str:
    n, word = (item.images, "image") if item.images else (item.files, "file")
    return f"{n:,} {word}{'' if n == 1 else 's'}"


class Tally:
    """Counts the unused files of a walk, and keeps the first names of each kind."""

    def __init__(self, root: Path, unused: Iterable[walk.UnusedEntry] = (), notes: Sequence[str] = ()) -> None:
        self._root = root
        self.notes = list(notes)
        self._files: dict[str, int] = {}
        self._named: dict[str, list[UnusedFile]] = {}
        for item in unused:
            self.add(item)

    def is_image_file(self, item: walk.Entry | LayoutEntry) -> bool:
        """Whether an entry of a walk is an image by extension or first bytes; all others are counted."""
        if item.unused or item.obstacle:
            kind = walk.BACKUP if item.obstacle == file_kinds.BACKUP_COPY else "damaged"
            self.add(item.unused or walk.UnusedEntry(item.path, kind, item.obstacle))
            return False
        if file_kinds.is_image(item.path):
            return True
        reason = file_kinds.format_reason(os.path.basename(item.path), file_kinds.read_head(item.path))  # noqa: PTH119
        self.add(walk.UnusedEntry(item.path, walk.kind_of_format(reason), reason))
        return False

    def add(self, item: walk.UnusedEntry) -> None:
        """Count an entry."""
        if not item.files:
            return
        self._files[item.kind] = self._files.get(item.kind, 0) + item.files
        named = self._named.setdefault(item.kind, [])
        if len(named) < _NAMED:
            path = os.path.relpath(item.path, self._root) + ("/" if item.path.endswith("/") else "")
            named.append(UnusedFile(display_name(path)[0], item.reason, item.files, item.images))

    def report(self) -> UnusedReport:
        kinds = [kind for kind in _KINDS if kind in self._files]
        groups = [UnusedGroup(kind, self._files[kind], tuple(self._named[kind]), _KINDS[kind][2]) for kind in kinds]
        return UnusedReport(tuple(groups), tuple(self.notes))

    def to_json(self) -> str:
        return json.dumps({"format": _FORMAT, **self.report().document()})


def unused_report(catalog: "Catalog") -> UnusedReport:
    """The files of a dataset that are not used. Catalogs of earlier versions know nothing about files without a row."""
    stored = _stored(catalog.meta(_KEY))
    named: dict[str, list[UnusedFile]] = {group.kind: list(group.named) for group in stored.groups}
    counts = {group.kind: group.files for group in stored.groups}
    for state, reason, n, paths in catalog.unused_rows(_NAMED):
        kind = _kind(state, reason)
        counts[kind] = counts.get(kind, 0) + n
        named.setdefault(kind, []).extend(UnusedFile(path, reason) for path in paths)
    groups = [
        UnusedGroup(kind, counts[kind], tuple(sorted(named[kind], key=lambda item: item.path)[:_NAMED]), _KINDS[kind][2])
        for kind in _KINDS
        if kind in counts
    ]
    return UnusedReport(tuple(_add_spelling_hint(group, catalog) for group in groups), stored.notes)


def _add_spelling_hint(group: UnusedGroup, catalog: "Catalog") -> UnusedGroup:
    """For classes without training images: a hint where one may be another class in a different spelling."""
    if group.kind != "class":
        return group
    return replace(group, hint=spelling_hint(catalog.unlearnable_classes(), catalog.classes()))


def _kind(state: str, reason: str) -> str:
    if state == "missing":
        return "missing"
    if reason == UNLEARNABLE:
        return "class"
    if reason in (file_kinds.LFS_POINTER, file_kinds.ANNEX_LINK):
        return "pointer"
    if reason == file_kinds.BROKEN_LINK:
        return "link"
    if reason == file_kinds.BACKUP_COPY:
        return walk.BACKUP
    return walk.kind_of_format(reason) if state == "ignored" else "damaged"


def _stored(text: str | None) -> UnusedReport:
    """The report of the last scan; empty where another version wrote it."""
    document: Any = json.loads(text) if text else {}
    return UnusedReport.from_document(document) if document.get("format") == _FORMAT else UnusedReport()
