"""The dataset's index: one row an image, in SQLite (WAL), filled incrementally and readable while it is written."""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from engine.data import splits
from engine.data.images import MAX_BYTES, ImageError, NotAnImage, inspect, looks_like_image
from engine.data.layouts import Found, Layout

Progress = Callable[[int, int], None]

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
_UNLEARNABLE = "its class has no training images"
_COLUMNS = "id, path, raw, given, split, class, width, height, bytes, mtime_ns, hash, state, reason"


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


@dataclass(frozen=True)
class ScanResult:
    """How many files a scan opened, and how many the catalog holds in each state."""

    read: int
    ok: int
    quarantined: int
    missing: int
    ignored: int


class Catalog:
    """Reads and fills one catalog file. Cheap to make; every call opens its own connection, so threads may share it."""

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

    # Reading

    def get(self, image_id: int) -> Row | None:
        with self.connect() as connection:
            found = connection.execute(f"SELECT {_COLUMNS} FROM images WHERE id = ?", (image_id,)).fetchone()
        return Row(*found) if found else None

    def rows(self, ids: Sequence[int]) -> dict[int, Row]:
        """The rows of these ids, those that exist."""
        with self.connect() as connection:
            found = (connection.execute(f"SELECT {_COLUMNS} FROM images WHERE id = ?", (int(i),)).fetchone() for i in ids)
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
        query = f"SELECT {_COLUMNS} FROM images WHERE {where} AND id > ? ORDER BY id LIMIT ?"
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

    # Filling

    def scan(self, layout: Layout, seed: int, progress: Progress = lambda done, total: None) -> ScanResult:
        """Bring the catalog up to date with the folder; only files that are new or changed are opened."""
        with self.connect() as connection:
            known = {row[1]: Row(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM images")}
        changed = []
        for item in layout.files():
            image = _stat(item, layout.root)
            before = known.pop(image.path, None)
            if before is None or not _unchanged(before, image):
                changed.append(image)
        examined = []
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for row in pool.map(lambda image: _examine(image, layout.root), changed):
                examined.append(row)
                progress(len(examined), len(changed))
        with self.connect() as connection:
            connection.executemany(_UPSERT, [_values(row) for row in examined])
            connection.executemany(
                "UPDATE images SET state = 'missing', reason = 'the file is gone' WHERE id = ?",
                [(row.id,) for row in known.values() if row.state != "ignored"],
            )
            connection.executemany(
                "DELETE FROM images WHERE id = ?", [(row.id,) for row in known.values() if row.state == "ignored"]
            )
            _place(connection, layout, seed)
            _seal(connection)
            states = dict(connection.execute("SELECT state, count(*) FROM images GROUP BY state").fetchall())
        counts = (states.get(state, 0) for state in ("ok", "quarantined", "missing", "ignored"))
        return ScanResult(len(examined), *counts)


_UPSERT = f"""
INSERT INTO images ({_COLUMNS[4:]}) VALUES ({", ".join("?" * 12)})
ON CONFLICT (path) DO UPDATE SET given = excluded.given, split = excluded.split, class = excluded.class,
    width = excluded.width, height = excluded.height, bytes = excluded.bytes, mtime_ns = excluded.mtime_ns,
    hash = excluded.hash, state = excluded.state, reason = excluded.reason
"""


def _values(row: Row) -> tuple:
    return (row.path, row.raw, row.given, row.split, row.class_name, row.width, row.height, row.bytes, row.mtime_ns,
            row.hash, row.state, row.reason)  # fmt: skip


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


def _stat(item: Found, root: Path) -> Row:
    relative = os.fspath(item.path.relative_to(root))
    path, raw = _displayable(relative)
    class_name = _displayable(item.class_name)[0] if item.class_name is not None else None
    try:
        status = item.path.stat()
        size, mtime, state, reason = status.st_size, status.st_mtime_ns, "ok", ""
    except OSError as error:
        size, mtime, state, reason = 0, 0, "quarantined", f"cannot be read ({error.strerror})"
    return Row(0, path, raw, item.split, item.split, class_name, None, None, size, mtime, None, state, reason)


def _displayable(name: str) -> tuple[str, bytes | None]:
    """The name as text that can be stored and shown, and its bytes where they are not UTF-8."""
    try:
        name.encode("utf-8")
        return name, None
    except UnicodeEncodeError:
        raw = os.fsencode(name)
        return raw.decode("utf-8", "backslashreplace"), raw


def _unchanged(before: Row, now: Row) -> bool:
    return before.state != "missing" and (before.bytes, before.mtime_ns, before.given, before.class_name) == (
        now.bytes, now.mtime_ns, now.given, now.class_name,
    )  # fmt: skip


def _examine(row: Row, root: Path) -> Row:
    """The row with size and hash from the file's content, or with the reason why it is left out."""
    if row.state != "ok":
        return row
    path = row.file(root)
    try:
        if row.bytes > MAX_BYTES:
            raise ImageError(f"too large: {row.bytes / 2**20:.0f} MB, the limit is {MAX_BYTES >> 20} MB")
        content = path.read_bytes()
        width, height = inspect(content)
        return replace(row, width=width, height=height, hash=hashlib.blake2b(content, digest_size=16).hexdigest())
    except NotAnImage as error:
        # A `notes.txt` beside the photos is passed over; what is named like an image is not.
        return replace(row, state="quarantined" if looks_like_image(path) else "ignored", reason=str(error))
    except ImageError as error:
        return replace(row, state="quarantined", reason=str(error))
    except OSError as error:
        return replace(row, state="quarantined", reason=f"cannot be read ({error.strerror})")


def _place(connection: sqlite3.Connection, layout: Layout, seed: int) -> None:
    """Give the images whose layout leaves the choice to us their split, and put aside classes that cannot be learnt."""
    connection.execute("UPDATE images SET state = 'ok', reason = '' WHERE reason = ?", (_UNLEARNABLE,))
    source = "train" if layout.has_splits else None
    carve = source is None or not connection.execute("SELECT 1 FROM images WHERE given = 'validation' LIMIT 1").fetchone()
    if carve:
        shares = splits.CARVED if layout.has_splits else splits.DIVIDED
        rows = connection.execute(
            "SELECT images.id, images.hash, class, places.split FROM images LEFT JOIN places ON places.hash = images.hash "
            "WHERE state = 'ok' AND given IS ?",
            (source,),
        )
        places = splits.assign((splits.Candidate(*row) for row in rows), shares, seed)
        connection.executemany("UPDATE images SET split = ? WHERE id = ?", [(split, id_) for id_, split in places.items()])
        connection.execute(
            "INSERT OR IGNORE INTO places SELECT hash, split FROM images WHERE state = 'ok' AND given IS ?", (source,)
        )
    connection.execute(
        "UPDATE images SET state = 'quarantined', reason = ? WHERE state = 'ok' AND split IN ('validation', 'test') "
        "AND class NOT IN (SELECT class FROM images WHERE state = 'ok' AND split = 'train')",
        (_UNLEARNABLE,),
    )


def _seal(connection: sqlite3.Connection) -> None:
    digest = hashlib.blake2b(digest_size=16)
    for row in connection.execute("SELECT hash, class, split FROM images WHERE state = 'ok' ORDER BY hash, class, split, path"):
        digest.update(repr(row).encode("utf-8", "backslashreplace"))
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (digest.hexdigest(),))


def _meta(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None
