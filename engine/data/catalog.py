"""The dataset's index: one row an image, in SQLite (WAL), readable while `engine.data.scan` fills it."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
    state TEXT NOT NULL,              -- ok, quarantined, missing, ignored (no image at all)
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS images_by_place ON images (state, split, class, id);
CREATE INDEX IF NOT EXISTS images_by_hash ON images (hash);
CREATE TABLE IF NOT EXISTS places (hash TEXT PRIMARY KEY, split TEXT NOT NULL);  -- a content keeps the split it was given
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
COLUMNS = "id, path, raw, given, split, class, width, height, bytes, mtime_ns, hash, state, reason"


@dataclass(frozen=True)
class Row:
    """One image of the catalog; `path` is relative to the root and for display, `file` is where it is."""

    id: int
    path: str
    raw: bytes | None
    given: str | None
    split: str | None
    class_name: str | None
    width: int | None
    height: int | None
    bytes: int
    mtime_ns: int
    hash: str | None
    state: str
    reason: str

    def file(self, root: Path) -> Path:
        return root / (os.fsdecode(self.raw) if self.raw is not None else self.path)


class Catalog:
    """Reads one catalog file. Cheap to make; every call opens its own connection, so threads may share it."""

    def __init__(self, file: Path, root: Path) -> None:
        self.file = file
        self.root = root

    @contextlib.contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.file, timeout=30)
        try:
            connection.execute("PRAGMA synchronous=NORMAL")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(_SCHEMA)
            with connection:
                yield connection
        finally:
            connection.close()

    def get(self, image_id: int) -> Row | None:
        with self.connect() as connection:
            found = connection.execute(f"SELECT {COLUMNS} FROM images WHERE id = ?", (image_id,)).fetchone()
        return Row(*found) if found else None

    def rows(self, ids: Sequence[int]) -> dict[int, Row]:
        """The rows of these ids, those that exist."""
        with self.connect() as connection:
            found = (connection.execute(f"SELECT {COLUMNS} FROM images WHERE id = ?", (int(i),)).fetchone() for i in ids)
            return {row[0]: Row(*row) for row in found if row}

    def page(
        self,
        limit: int,
        after: int = 0,
        split: str | None = None,
        class_name: str | None = None,
        state: str = "ok",
        text: str = "",
    ) -> list[Row]:
        """Up to `limit` rows with an id above `after`, by id; None means any split or class, `text` is part of the path."""
        where, values = _conditions(split, class_name, state, text)
        query = f"SELECT {COLUMNS} FROM images WHERE {where} AND id > ? ORDER BY id LIMIT ?"
        with self.connect() as connection:
            return [Row(*row) for row in connection.execute(query, (*values, after, limit))]

    def page_starts(self, limit: int, split: str | None, class_name: str | None, state: str = "ok", text: str = "") -> list[int]:
        """For each page of `page(limit, after, ...)`, the `after` that begins it; as many entries as there are pages."""
        where, values = _conditions(split, class_name, state, text)
        with self.connect() as connection:
            ids = [row[0] for row in connection.execute(f"SELECT id FROM images WHERE {where} ORDER BY id", values)]
        return [0, *ids[limit - 1 : -1 : limit]] if ids else []

    def count(self, split: str | None = None, class_name: str | None = None, state: str = "ok", text: str = "") -> int:
        where, values = _conditions(split, class_name, state, text)
        with self.connect() as connection:
            return connection.execute(f"SELECT count(*) FROM images WHERE {where}", values).fetchone()[0]

    def counts(self) -> pd.DataFrame:
        """Readable images by class and split: columns class, split, n."""
        query = "SELECT class, split, count(*) FROM images WHERE state = 'ok' GROUP BY split, class"
        with self.connect() as connection:
            return pd.DataFrame(connection.execute(query).fetchall(), columns=["class", "split", "n"])

    def sizes(self) -> pd.DataFrame:
        """Image sizes, the commonest first: columns width, height, n."""
        query = "SELECT width, height, count(*) AS n FROM images WHERE state = 'ok' GROUP BY width, height ORDER BY n DESC"
        with self.connect() as connection:
            return pd.DataFrame(connection.execute(query).fetchall(), columns=["width", "height", "n"])

    def frame(self, split: str) -> pd.DataFrame:
        """The readable images of one split, by id: columns id, path, class, hash (and raw, for `Row.file`)."""
        query = "SELECT id, path, raw, class, hash FROM images WHERE state = 'ok' AND split = ? ORDER BY id"
        with self.connect() as connection:
            return pd.DataFrame(connection.execute(query, (split,)).fetchall(), columns=["id", "path", "raw", "class", "hash"])

    def files(self, frame: pd.DataFrame) -> list[Path]:
        """Where the images of `frame` are."""
        return [self.root / (os.fsdecode(raw) if raw else path) for path, raw in zip(frame["path"], frame["raw"], strict=True)]

    def problems(self) -> pd.DataFrame:
        """Files that are not used, with the reason: columns id, path, state, reason."""
        query = "SELECT id, path, state, reason FROM images WHERE state IN ('quarantined', 'missing') ORDER BY path"
        with self.connect() as connection:
            return pd.DataFrame(connection.execute(query).fetchall(), columns=["id", "path", "state", "reason"])

    def classes(self) -> tuple[str, ...]:
        """The classes that have training images, by name."""
        query = "SELECT DISTINCT class FROM images WHERE state = 'ok' AND split = 'train' ORDER BY class"
        with self.connect() as connection:
            return tuple(row[0] for row in connection.execute(query))

    def fingerprint(self) -> str:
        """A hash over the content, class and split of every readable image, whatever the files' order or place."""
        with self.connect() as connection:
            return _meta(connection, "fingerprint") or ""


def _conditions(split: str | None, class_name: str | None, state: str, text: str) -> tuple[str, list]:
    where, values = ["state = ?"], [state]
    for column, value in (("split", split), ("class", class_name)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if text:
        where.append("instr(lower(path), lower(?)) > 0")
        values.append(text)
    return " AND ".join(where), values


def _meta(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None
