"""The schema of the catalog's SQLite file, and its migration from earlier versions."""

import sqlite3
from typing import Literal

from engine.data.fingerprint import renew_generation
from engine.data.properties import MEASURED

ImageState = Literal["ok", "quarantined", "missing", "excluded", "ignored"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,        -- relative to the dataset's root, for people and for search
    raw BLOB,                         -- the path's bytes, where they are not UTF-8
    given TEXT,                       -- the split that the folder layout names, if any
    split TEXT,                       -- train, validation, test, unlabelled
    class TEXT,
    width INTEGER, height INTEGER, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    hash TEXT,                        -- of the file's content (content_hash)
    state TEXT NOT NULL,              -- ok, quarantined, missing, excluded (by hand), ignored (not an image)
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS images_by_place ON images (state, split, class, id);
CREATE INDEX IF NOT EXISTS images_by_hash ON images (hash);
CREATE TABLE IF NOT EXISTS places (hash TEXT PRIMARY KEY, split TEXT NOT NULL);  -- a content keeps the split that it got first
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
FACTS = f"path, raw, given, split, class, width, height, bytes, mtime_ns, hash, state, reason, {', '.join(MEASURED)}"
# Changes by later versions of the program, in order; a catalog's `user_version` counts those applied to it.
_CHANGES = (
    "".join(f"ALTER TABLE images ADD COLUMN {name} REAL;\n" for name in MEASURED)
    + "CREATE INDEX images_unmeasured ON images (id) WHERE state = 'ok' AND brightness IS NULL;",
    # Files that a scan has read; they are merged into `images` at its end.
    f"CREATE TABLE readings ({FACTS}, PRIMARY KEY (path));",
    # For `engine.data.label_overlay`: the class of the folder, and the kind of the label edit.
    "ALTER TABLE images ADD COLUMN filed TEXT; ALTER TABLE images ADD COLUMN edited TEXT;"
    "CREATE INDEX images_edited ON images (id) WHERE edited IS NOT NULL;",
)
# INDEXED BY: of two indexes that fit, SQLite would choose the larger one.
UNMEASURED = "images INDEXED BY images_unmeasured WHERE state = 'ok' AND brightness IS NULL"
COLUMNS = f"id, {FACTS}, filed, edited"


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether the catalog has the schema of an earlier version, or none yet."""
    return connection.execute("PRAGMA user_version").fetchone()[0] < len(_CHANGES)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a new file, or one of an earlier version, to the current schema. Safe when several processes do it at once."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
    try:
        # Read again under the lock: another process may have migrated the file in the meantime.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for change in _CHANGES[version:]:
            for statement in filter(str.strip, change.split(";")):
                connection.execute(statement)
        if version < len(_CHANGES):
            renew_generation(connection)
            connection.execute(f"PRAGMA user_version = {len(_CHANGES)}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
