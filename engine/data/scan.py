"""Filling the catalog: the walk over the files, the reading of those that are new or changed, and their splits."""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from engine.data import splits
from engine.data.catalog import COLUMNS, Catalog, Row, touch
from engine.data.images import MAX_BYTES, ImageError, NotAnImage, inspect, looks_like_image
from engine.data.layouts import Found, Layout
from engine.data.properties import MEASURED
from engine.files import content_hash

Progress = Callable[[int, int], None]

_UNLEARNABLE = "its class has no training images"
_UPSERT = f"""
INSERT INTO images ({COLUMNS[4:]}) VALUES ({", ".join("?" * 16)})
ON CONFLICT (path) DO UPDATE SET given = excluded.given, split = excluded.split, class = excluded.class,
    width = excluded.width, height = excluded.height, bytes = excluded.bytes, mtime_ns = excluded.mtime_ns,
    hash = excluded.hash, state = excluded.state, reason = excluded.reason,
    {", ".join(f"{name} = excluded.{name}" for name in MEASURED)}
"""


@dataclass(frozen=True)
class ScanResult:
    """How many files a scan opened, and how many the catalog holds in each state."""

    read: int
    ok: int
    quarantined: int
    missing: int
    ignored: int


def scan(catalog: Catalog, layout: Layout, seed: int, progress: Progress = lambda done, total: None) -> ScanResult:
    """Bring the catalog up to date with the folder; only files that are new or changed are opened."""
    with catalog.connect() as connection:
        known = {row[1]: Row(*row) for row in connection.execute(f"SELECT {COLUMNS} FROM images")}
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
    # By content, which is no order at all: whoever pages through the catalog sees all classes from the start.
    examined.sort(key=lambda row: row.hash or "")
    with catalog.connect() as connection:
        connection.executemany(_UPSERT, [_values(row) for row in examined])
        connection.executemany(
            "UPDATE images SET state = 'missing', reason = 'the file is gone' WHERE id = ?",
            [(row.id,) for row in known.values() if row.state != "ignored"],
        )
        connection.executemany("DELETE FROM images WHERE id = ?", [(row.id,) for row in known.values() if row.state == "ignored"])
        _place(connection, layout, seed)
        _seal(connection)
        touch(connection)
        states = dict(connection.execute("SELECT state, count(*) FROM images GROUP BY state").fetchall())
    catalog.columns()
    counts = (states.get(state, 0) for state in ("ok", "quarantined", "missing", "ignored"))
    return ScanResult(len(examined), *counts)


def _values(row: Row) -> tuple:
    return (row.path, row.raw, row.given, row.split, row.class_name, row.width, row.height, row.bytes, row.mtime_ns,
            row.hash, row.state, row.reason, *(getattr(row, name) for name in MEASURED))  # fmt: skip


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
        facts = inspect(content)
        return replace(row, hash=content_hash(content), **facts._asdict())
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
    if not carve:
        # A validation folder that came later takes the place of what was carved out.
        connection.execute("UPDATE images SET split = given WHERE given = 'train'")
    else:
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
