"""The dataset's index: one row an image, in SQLite (WAL), readable while `engine.data.scan` fills it."""

import contextlib
import os
import sqlite3
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import SupportsIndex

import pandas as pd

from engine.core import database
from engine.core.errors import DiskError
from engine.data import columns, overlay, selections
from engine.data.aligned_predictions import align_predictions
from engine.data.columns import Columns
from engine.data.filters import Filter
from engine.data.fingerprint import UNLEARNABLE, compute_fingerprint, renew_generation, write_fingerprint
from engine.data.properties import MEASURED
from engine.data.view import View, build_view

ALL = Filter()
_TRAIN = Filter(splits=("train",))

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,        -- relative to the dataset's root, for people and for search
    raw BLOB,                         -- the name's bytes, where they are not UTF-8
    given TEXT,                       -- the split that the folder layout names, if it does
    split TEXT,                       -- train, validation, test, unlabelled
    class TEXT,
    width INTEGER, height INTEGER, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    hash TEXT,                        -- of the file's content
    state TEXT NOT NULL,              -- ok, quarantined, missing, excluded (by hand), ignored (no image at all)
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS images_by_place ON images (state, split, class, id);
CREATE INDEX IF NOT EXISTS images_by_hash ON images (hash);
CREATE TABLE IF NOT EXISTS places (hash TEXT PRIMARY KEY, split TEXT NOT NULL);  -- a content keeps the split it was given
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
FACTS = f"path, raw, given, split, class, width, height, bytes, mtime_ns, hash, state, reason, {', '.join(MEASURED)}"
# What later versions of the program added, in order; `user_version` counts those that a catalog has had.
_ADDITIONS = (
    "".join(f"ALTER TABLE images ADD COLUMN {name} REAL;\n" for name in MEASURED)
    + "CREATE INDEX images_unmeasured ON images (id) WHERE state = 'ok' AND brightness IS NULL;",
    # What a scan has read and not yet taken over.
    f"CREATE TABLE readings ({FACTS}, PRIMARY KEY (path));",
    # What `engine.data.overlay` lays over a row: the class of its folder, and the kind of the edit.
    "ALTER TABLE images ADD COLUMN filed TEXT; ALTER TABLE images ADD COLUMN edited TEXT;"
    "CREATE INDEX images_edited ON images (id) WHERE edited IS NOT NULL;",
)
# SQLite would take the larger index of two that fit.
_UNMEASURED = "images INDEXED BY images_unmeasured WHERE state = 'ok' AND brightness IS NULL"
COLUMNS = f"id, {FACTS}, filed, edited"


@dataclass(frozen=True, slots=True)
class Row:
    """One image of the catalog; `path` is relative to the root and for display, `file` is where it is.

    `layout_split` is the split that the folder layout names. `edit` is what a person decided about the image (one of
    `overlay.EDITS`); `folder_class` is then the class of its folder.
    """

    id: int
    path: str
    raw: bytes | None
    layout_split: str | None
    split: str | None
    class_name: str | None
    width: int | None
    height: int | None
    bytes: int
    mtime_ns: int
    hash: str | None
    state: str
    reason: str
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    colourfulness: float | None = None
    folder_class: str | None = None
    edit: str | None = None

    @property
    def original(self) -> str | None:
        """The class that its folder says, whatever was decided since."""
        return self.folder_class if self.edit else self.class_name

    def file(self, root: Path) -> Path:
        return root / (os.fsdecode(self.raw) if self.raw is not None else self.path)


class Catalog:
    """Reads one catalog file. Cheap to make; every call opens its own connection, so threads may share it."""

    def __init__(self, file: Path, root: Path) -> None:
        self.file = file
        self.root = root

    @contextlib.contextmanager
    def connect(self) -> Generator[sqlite3.Connection]:
        """A transaction that may write; the catalog is made where it is missing. Raises DiskError where it cannot be written."""
        with database.open_for_writing(self.file, self._bring_up) as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A connection for queries, on any disk. Raises UserError where the catalog is missing or damaged."""
        connection = database.open_for_reading(self.file)
        try:
            with database.explain_database_errors(self.file):
                if _is_old(connection) or overlay.is_behind(connection, self.file):
                    connection.close()
                    connection = self._brought_up()
                yield connection
        finally:
            connection.close()

    def _brought_up(self) -> sqlite3.Connection:
        """With what an earlier version's catalog lacks and what was decided since: in the file, or in memory where that is not to be."""
        try:
            with self.connect():
                pass
            return database.open_for_reading(self.file)
        except DiskError:
            version = overlay.label_log(self.file).version()
            return database.memory_copy(self.file, self._bring_up, version)

    def _bring_up(self, connection: sqlite3.Connection) -> None:
        if _is_old(connection):
            _migrate(connection)
        overlay.catch_up(connection, self.file)

    def get(self, image_id: int) -> Row | None:
        with self.reading() as connection:
            result = connection.execute(f"SELECT {COLUMNS} FROM images WHERE id = ?", (image_id,)).fetchone()
        return Row(*result) if result else None

    def rows(self, ids: Iterable[SupportsIndex]) -> dict[int, Row]:
        """The rows with these ids, in their order; ids without a row are left out."""
        query = f"SELECT {COLUMNS} FROM images WHERE id = ?"
        with self.reading() as connection:
            # sqlite3 would bind NumPy's integers as blobs, which match no id.
            rows = (connection.execute(query, (int(i),)).fetchone() for i in ids)
            return {row[0]: Row(*row) for row in rows if row}

    def copies(self, content: str) -> list[Row]:
        """The rows whose file has this content hash, by id."""
        with self.reading() as connection:
            result = connection.execute(f"SELECT {COLUMNS} FROM images WHERE hash = ? ORDER BY id", (content,))
            return [Row(*row) for row in result]

    def generation(self) -> str:
        """A word that changes whenever the catalog's rows do: a cache key."""
        return self.meta("generation") or ""

    def columns(self) -> Columns:
        """The catalog's numbers as arrays, as they are now."""
        return columns.load(self.file, self.generation(), self.reading)

    def view(self, wanted: Filter = ALL) -> View:
        """The images that match: their number, counts, histograms, pages of ids. Milliseconds at a million images."""
        of = self.columns()
        said = align_predictions(wanted.run, of) if wanted.asks_run else None
        selected = selections.load_selection(self.file, wanted.selection) if wanted.selection else None
        return build_view(of, wanted, said, selected)

    def count(self, wanted: Filter = ALL) -> int:
        return len(self.view(wanted))

    def page(
        self, wanted: Filter = ALL, number: int = 1, size: int = 60, order: str = "id", descending: bool = False
    ) -> list[Row]:
        """One page of the images that match, counted from 1, sorted by `order`: id (which mixes the classes), path or a property."""
        return list(self.rows(self.view(wanted).page(number, size, order, descending).tolist()).values())

    def counts(self, wanted: Filter = ALL) -> pd.DataFrame:
        """Images by class and split: columns class, split, n."""
        return self.view(wanted).counts()

    def sizes(self, wanted: Filter = ALL) -> pd.DataFrame:
        """Image sizes, the commonest first: columns width, height, n."""
        return self.view(wanted).sizes()

    def select(self, ids: Iterable[int]) -> str:
        """A word for this set of images, for `Filter.selection`."""
        return selections.save_selection(self.file, ids)

    def check(self, wanted: Filter) -> tuple[Filter, list[str]]:
        """The filter without what this dataset does not know, and a sentence for each part that was left out."""
        known = self.columns().codes
        names = (*wanted.classes, *wanted.predicted)
        sentences = [f"There is no class {name!r} in this dataset." for name in names if name not in known]
        classes = tuple(name for name in wanted.classes if name in known)
        wanted = replace(wanted, classes=classes, predicted=tuple(name for name in wanted.predicted if name in known))
        if wanted.selection and selections.load_selection(self.file, wanted.selection) is None:
            sentences.append("The selected images are not kept on this computer any more; select them again.")
            wanted = replace(wanted, selection="")
        if wanted.asks_run and align_predictions(wanted.run, self.columns()) is None:
            sentences.append(f"The run {wanted.run!r} has no predictions here.")
            wanted = replace(wanted, run="", predicted=(), verdict="")
        return wanted, sentences

    def unmeasured(self) -> int:
        """How many readable images have no properties: those of an earlier version's catalog, until `engine.data.analysis` ran."""
        with self.reading() as connection:
            return connection.execute(f"SELECT count(*) FROM {_UNMEASURED}").fetchone()[0]

    def unmeasured_rows(self, after: int, limit: int) -> list[Row]:
        """The first of them with an id above `after`."""
        query = f"SELECT {COLUMNS} FROM {_UNMEASURED} AND id > ? ORDER BY id LIMIT ?"
        with self.reading() as connection:
            return [Row(*row) for row in connection.execute(query, (after, limit))]

    def meta(self, key: str) -> str | None:
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def frame(self, split: str) -> pd.DataFrame:
        """The readable images of one split, by id: columns id, path, class, hash (and raw, for `Row.file`)."""
        query = "SELECT id, path, raw, class, hash FROM images WHERE state = 'ok' AND split = ? ORDER BY id"
        with self.reading() as connection:
            return pd.DataFrame(connection.execute(query, (split,)).fetchall(), columns=["id", "path", "raw", "class", "hash"])

    def files(self, frame: pd.DataFrame) -> list[Path]:
        """Where the images of `frame` are."""
        return [self.root / (os.fsdecode(raw) if raw else path) for path, raw in zip(frame["path"], frame["raw"], strict=True)]

    def problems(self) -> pd.DataFrame:
        """Files that are not used, with the reason: columns id, path, state, reason."""
        query = "SELECT id, path, state, reason FROM images WHERE state IN ('quarantined', 'missing') ORDER BY path"
        with self.reading() as connection:
            return pd.DataFrame(connection.execute(query).fetchall(), columns=["id", "path", "state", "reason"])

    def unused_rows(self, most: int) -> list[tuple[str, str, int, list[str]]]:
        """State, reason, number and the first `most` paths of the files that are not used; without those a person excluded."""
        counts = "SELECT state, reason, count(*) FROM images WHERE state IN ('quarantined', 'missing', 'ignored') GROUP BY state, reason"
        paths = "SELECT path FROM images WHERE state = ? AND reason = ? ORDER BY path LIMIT ?"
        with self.reading() as connection:
            return [
                (state, reason, n, [row[0] for row in connection.execute(paths, (state, reason, most))])
                for state, reason, n in connection.execute(counts).fetchall()
            ]

    def unlearnable_classes(self) -> list[str]:
        """The classes that have images to score by and none to learn from."""
        query = (
            "SELECT DISTINCT class FROM images WHERE state = 'quarantined' AND reason = ? AND class IS NOT NULL ORDER BY class"
        )
        with self.reading() as connection:
            return [row[0] for row in connection.execute(query, (UNLEARNABLE,))]

    def classes(self) -> tuple[str, ...]:
        """The classes that have training images, in natural order (2 before 10)."""
        return tuple(self.counts(_TRAIN)["class"])

    def fingerprint(self) -> str:
        """A hash over the content, class and split of every image in use, whatever the files' order or place."""
        known = self.meta("fingerprint")
        if known is None and self.meta("labels"):
            try:
                with self.connect() as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    return write_fingerprint(connection)
            except DiskError:
                with self.reading() as connection:
                    return compute_fingerprint(connection)
        return known or ""

    def labels(self) -> str:
        """The version of the label log that the rows say (`engine.data.labels`)."""
        with self.reading() as connection:
            return overlay.applied_version(connection)


def _is_old(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA user_version").fetchone()[0] < len(_ADDITIONS)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a new file, or one of an earlier version, to today's schema; whoever comes second finds it done."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
    try:
        had = connection.execute("PRAGMA user_version").fetchone()[0]
        for addition in _ADDITIONS[had:]:
            for statement in filter(str.strip, addition.split(";")):
                connection.execute(statement)
        if had < len(_ADDITIONS):
            renew_generation(connection)
            connection.execute(f"PRAGMA user_version = {len(_ADDITIONS)}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
