"""The index of a dataset: one row per image, in SQLite (WAL mode), readable while `engine.data.scan` fills it."""

import contextlib
import os
import sqlite3
from collections.abc import Generator, Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import SupportsIndex

import pandas as pd

from engine.core import database
from engine.core.errors import DiskError
from engine.data import catalog_schema, columns, label_overlay, selections
from engine.data.catalog_predictions import load_catalog_predictions, prediction_stamps
from engine.data.catalog_schema import COLUMNS, UNMEASURED, ImageState
from engine.data.catalog_view import View, build_view
from engine.data.columns import Columns
from engine.data.filters import Filter
from engine.data.fingerprint import UNLEARNABLE, compute_fingerprint, write_fingerprint

ALL = Filter()
_TRAIN = Filter(splits=("train",))


@dataclass(frozen=True, slots=True)
class Row:
    """One image of the catalog. `path` is relative to the root and for display; `file` is the place on the disk.

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
    state: ImageState
    reason: str
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    colourfulness: float | None = None
    folder_class: str | None = None
    edit: label_overlay.Edit | None = None

    @property
    def original(self) -> str | None:
        """The class of the image's folder, regardless of label edits."""
        return self.folder_class if self.edit else self.class_name

    def file(self, root: Path) -> Path:
        return root / (os.fsdecode(self.raw) if self.raw is not None else self.path)


class Catalog:
    """A catalog file. Cheap to create; each call opens its own connection, so threads may share it."""

    def __init__(self, file: Path, root: Path) -> None:
        self.file = file
        self.root = root

    @contextlib.contextmanager
    def connect(self) -> Generator[sqlite3.Connection]:
        """A transaction that may write; a missing catalog is created. Raises DiskError where it cannot be written."""
        with database.open_for_writing(self.file, self._update) as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A connection for queries, on any disk. Raises UserError where the catalog is missing or damaged."""
        connection = database.open_for_reading(self.file)
        try:
            with database.explain_database_errors(self.file):
                if catalog_schema.is_outdated(connection) or label_overlay.is_behind(connection, self.file):
                    connection.close()
                    connection = self._open_updated()
                yield connection
        finally:
            connection.close()

    def _open_updated(self) -> sqlite3.Connection:
        """A connection after migrating the schema and applying new label edits: in the file, or in memory where it is read-only."""
        try:
            with self.connect():
                pass
            return database.open_for_reading(self.file)
        except DiskError:
            version = label_overlay.label_log(self.file).version()
            return database.memory_copy(self.file, self._update, version)

    def _update(self, connection: sqlite3.Connection) -> None:
        if catalog_schema.is_outdated(connection):
            catalog_schema.migrate(connection)
        label_overlay.catch_up(connection, self.file)

    def get(self, image_id: int) -> Row | None:
        """The row with this id; None where there is none."""
        with self.reading() as connection:
            row = connection.execute(f"SELECT {COLUMNS} FROM images WHERE id = ?", (image_id,)).fetchone()
        return Row(*row) if row else None

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
            rows = connection.execute(f"SELECT {COLUMNS} FROM images WHERE hash = ? ORDER BY id", (content,))
            return [Row(*row) for row in rows]

    def generation(self) -> str:
        """A random token that changes whenever the catalog's rows do: a cache key."""
        return self.meta("generation") or ""

    def version(self, conditions: Filter = ALL) -> Hashable:
        """Changes whenever `view(conditions)` does: a cache key."""
        predictions = prediction_stamps(conditions.run) if conditions.needs_predictions else None
        selected = selections.selection_stamp(self.file, conditions.selection) if conditions.selection else None
        return self.generation(), predictions, selected

    def columns(self) -> Columns:
        """The catalog's current values as arrays."""
        return columns.load(self.file, self.generation(), self.reading)

    def view(self, conditions: Filter = ALL) -> View:
        """The images that match, with counts, histograms and pages of ids. Takes milliseconds at a million images."""
        columns = self.columns()
        predictions = load_catalog_predictions(conditions.run, columns) if conditions.needs_predictions else None
        selected = selections.load_selection(self.file, conditions.selection) if conditions.selection else None
        return build_view(columns, conditions, predictions, selected)

    def count(self, conditions: Filter = ALL) -> int:
        return len(self.view(conditions))

    def page(
        self, conditions: Filter = ALL, number: int = 1, size: int = 60, order: str = "id", descending: bool = False
    ) -> list[Row]:
        """One page of the images that match, counted from 1, sorted by `order`: id (which mixes the classes), path or a property."""
        return list(self.rows(self.view(conditions).page(number, size, order, descending).tolist()).values())

    def counts(self, conditions: Filter = ALL) -> pd.DataFrame:
        """Images by class and split: columns class, split, n."""
        return self.view(conditions).counts()

    def sizes(self, conditions: Filter = ALL) -> pd.DataFrame:
        """Image sizes, the most common first: columns width, height, n."""
        return self.view(conditions).sizes()

    def select(self, ids: Iterable[int]) -> str:
        """Save a set of images and return its key, for `Filter.selection`."""
        return selections.save_selection(self.file, ids)

    def check(self, conditions: Filter) -> tuple[Filter, list[str]]:
        """The filter without the parts that do not apply to this dataset, and a sentence for each part that was dropped."""
        known = self.columns().codes
        names = (*conditions.classes, *conditions.predicted)
        sentences = [f"There is no class {name!r} in this dataset." for name in names if name not in known]
        classes = tuple(name for name in conditions.classes if name in known)
        conditions = replace(conditions, classes=classes, predicted=tuple(name for name in conditions.predicted if name in known))
        if conditions.selection and selections.load_selection(self.file, conditions.selection) is None:
            sentences.append("The selected images are no longer stored on this computer; select them again.")
            conditions = replace(conditions, selection="")
        if conditions.needs_predictions and load_catalog_predictions(conditions.run, self.columns()) is None:
            sentences.append(f"The run {conditions.run!r} has no predictions for this dataset.")
            conditions = replace(conditions, run="", predicted=(), correctness="")
        return conditions, sentences

    def count_unmeasured(self) -> int:
        """How many readable images have no properties: rows of an older catalog, until `engine.data.analysis` has run."""
        with self.reading() as connection:
            return connection.execute(f"SELECT count(*) FROM {UNMEASURED}").fetchone()[0]

    def unmeasured_rows(self, last_id: int, limit: int) -> list[Row]:
        """The first `limit` unmeasured images with an id above `last_id`."""
        query = f"SELECT {COLUMNS} FROM {UNMEASURED} AND id > ? ORDER BY id LIMIT ?"
        with self.reading() as connection:
            return [Row(*row) for row in connection.execute(query, (last_id, limit))]

    def meta(self, key: str) -> str | None:
        """A value of the catalog's `meta` table; None where it is not set."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def frame(self, split: str) -> pd.DataFrame:
        """The readable images of one split, by id: columns id, path, class, hash (and raw, for `Row.file`)."""
        query = "SELECT id, path, raw, class, hash FROM images WHERE state = 'ok' AND split = ? ORDER BY id"
        with self.reading() as connection:
            return pd.DataFrame(connection.execute(query, (split,)).fetchall(), columns=["id", "path", "raw", "class", "hash"])

    def files(self, frame: pd.DataFrame) -> list[Path]:
        """The paths of the images in `frame`, as returned by `frame()`."""
        return [self.root / (os.fsdecode(raw) if raw else path) for path, raw in zip(frame["path"], frame["raw"], strict=True)]

    def problems(self) -> pd.DataFrame:
        """Quarantined and missing files with the reason: columns id, path, state, reason."""
        query = "SELECT id, path, state, reason FROM images WHERE state IN ('quarantined', 'missing') ORDER BY path"
        with self.reading() as connection:
            return pd.DataFrame(connection.execute(query).fetchall(), columns=["id", "path", "state", "reason"])

    def unused_rows(self, limit: int) -> list[tuple[str, str, int, list[str]]]:
        """(state, reason, number, first `limit` paths) of the files that are not used, except those excluded by hand."""
        counts = "SELECT state, reason, count(*) FROM images WHERE state IN ('quarantined', 'missing', 'ignored') GROUP BY state, reason"
        paths = "SELECT path FROM images WHERE state = ? AND reason = ? ORDER BY path LIMIT ?"
        with self.reading() as connection:
            return [
                (state, reason, n, [row[0] for row in connection.execute(paths, (state, reason, limit))])
                for state, reason, n in connection.execute(counts).fetchall()
            ]

    def unlearnable_classes(self) -> list[str]:
        """Classes that have validation or test images but no training images."""
        query = (
            "SELECT DISTINCT class FROM images WHERE state = 'quarantined' AND reason = ? AND class IS NOT NULL ORDER BY class"
        )
        with self.reading() as connection:
            return [row[0] for row in connection.execute(query, (UNLEARNABLE,))]

    def classes(self) -> tuple[str, ...]:
        """Classes that have training images, in natural order (2 before 10)."""
        return tuple(self.counts(_TRAIN)["class"])

    def fingerprint(self) -> str:
        """A hash over content, class and split of every image in use; the files' names and order do not matter."""
        stored = self.meta("fingerprint")
        if stored is None and self.meta("labels"):
            try:
                with self.connect() as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    return write_fingerprint(connection)
            except DiskError:
                with self.reading() as connection:
                    return compute_fingerprint(connection)
        return stored or ""

    def labels(self) -> str:
        """The version of the label log that the rows reflect (see `engine.data.labels`)."""
        with self.reading() as connection:
            return label_overlay.applied_version(connection)
