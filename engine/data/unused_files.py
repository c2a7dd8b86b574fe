"""Which files of a dataset are not used, counted and named by reason: the one answer for the command line and for all pages."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.data import file_kinds, walk
from engine.data.class_names import spelling_hint
from engine.data.fingerprint import UNLEARNABLE
from engine.data.layouts import LayoutEntry, display_name

if TYPE_CHECKING:
    from engine.data.catalog import Catalog

_KEY = "unused"  # of the catalog's `meta`: what the last scan left out without a row
_NAMED = 500  # files of a kind whose names are kept
_FORMAT = 1
_LISTED = 5  # names in a sentence

# Kinds in the order of their weight: (one, many) and what to do.
_KINDS = {
    "missing": ("{n} file is gone since the last scan", "{n} files are gone since the last scan", ""),
    "damaged": ("{n} file could not be read", "{n} files could not be read", ""),
    "pointer": (
        "{n} file is a pointer of Git LFS or git-annex: the picture itself was not downloaded",
        "{n} files are pointers of Git LFS or git-annex: the pictures themselves were not downloaded",
        "Run git lfs pull (or git annex get .) in that folder, then add it again.",
    ),
    "link": ("{n} link leads to a file that is not there", "{n} links lead to files that are not there", ""),
    "class": ("{n} image has a class without training images", "{n} images have a class without training images", ""),
    walk.FOLDER: (
        "{n} file is in a folder that is no split", "{n} files are in folders that are no split",
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
_QUIET = frozenset({walk.FORMAT, walk.BIN, walk.SYSTEM})  # what nobody would take for images of the dataset


@dataclass(frozen=True)
class UnusedFile:
    """A file that is not used, or a folder of them (its path ends in a slash), with the reason."""

    path: str
    reason: str
    files: int = 1
    images: int = 0


@dataclass(frozen=True)
class UnusedGroup:
    """Files that are not used for one kind of reason. `named`: the first of them; `files`: all."""

    kind: str
    files: int
    named: tuple[UnusedFile, ...]
    hint: str = ""

    @property
    def sentence(self) -> str:
        one, many, _ = _KINDS[self.kind]
        return (one if self.files == 1 else many).format(n=f"{self.files:,}") + self._which

    @property
    def loud(self) -> bool:
        """Whether somebody may have meant these files as images of the dataset."""
        return self.kind not in _QUIET

    @property
    def _which(self) -> str:
        """The folders, formats or extensions that these are, as far as they are few."""
        if self.kind == walk.FOLDER:
            names = [f"{item.path} with {_counted(item)}" for item in self.named]
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
    """All files that are not used, by reason, and what the layout was taken for where that was a choice."""

    groups: tuple[UnusedGroup, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        return sum(group.files for group in self.groups)

    @property
    def loud(self) -> bool:
        """Whether there are files among them that somebody may have meant as images."""
        return any(group.loud for group in self.groups)

    @property
    def headline(self) -> str:
        """Such as "3 files are not used"; "" where there are none."""
        return f"{self.files:,} {'file is' if self.files == 1 else 'files are'} not used" if self.files else ""

    @property
    def summary(self) -> str:
        """The reasons in one line, the weightiest first."""
        return "; ".join(group.sentence for group in self.groups)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "UnusedReport":
        """What `document` wrote."""
        groups = [
            UnusedGroup(entry["kind"], entry["files"], tuple(UnusedFile(**item) for item in entry["named"]), entry["hint"])
            for entry in document["groups"]
            if entry["kind"] in _KINDS
        ]
        return cls(tuple(groups), tuple(document["notes"]))

    def document(self) -> dict[str, Any]:
        groups = [{"kind": group.kind, "sentence": group.sentence, **asdict(group)} for group in self.groups]
        return {"files": self.files, "notes": list(self.notes), "groups": groups}


def _counted(item: UnusedFile) -> str:
    n, word = (item.images, "image") if item.images else (item.files, "file")
    return f"{n:,} {word}{'' if n == 1 else 's'}"


class Tally:
    """Counts what a walk leaves out, and keeps the first names of each kind."""

    def __init__(self, root: Path, unused: Iterable[walk.UnusedEntry] = (), notes: Sequence[str] = ()) -> None:
        self._root = root
        self.notes = list(notes)
        self._files: dict[str, int] = {}
        self._named: dict[str, list[UnusedFile]] = {}
        for item in unused:
            self.add(item)

    def is_image_file(self, item: walk.Entry | LayoutEntry) -> bool:
        """Whether an entry of a walk is a picture by its name or first bytes; what is not is counted."""
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
    """What of a dataset is not used, and why. Catalogs of an earlier version say nothing of files without a row."""
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
    return UnusedReport(tuple(_hinted(group, catalog) for group in groups), stored.notes)


def _hinted(group: UnusedGroup, catalog: "Catalog") -> UnusedGroup:
    """For classes without training images: whether one may be another class in another spelling."""
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
    """What a scan wrote down; nothing where it was another version's."""
    document = json.loads(text) if text else {}
    return UnusedReport.from_document(document) if document.get("format") == _FORMAT else UnusedReport()
