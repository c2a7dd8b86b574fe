"""Fills the catalog: walks over the files, reads those that are new or changed, and assigns splits."""

import errno
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from engine.core.content_cache import forget_contents
from engine.core.files import content_hash
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data import decoder_version, file_kinds, label_overlay, splits
from engine.data.catalog import Catalog, Row
from engine.data.catalog_schema import FACTS
from engine.data.class_names import normalize_name
from engine.data.decoding import ImageError, NotAnImage, inspect, read_content
from engine.data.file_kinds import looks_like_image
from engine.data.fingerprint import renew_generation, restore_unlearnable, write_fingerprint
from engine.data.layouts import Layout, LayoutEntry, display_name
from engine.data.properties import MEASURED
from engine.data.unused_files import Tally

_GONE = "the file is gone"
_NOT_USED = "its folder or name is no longer used"
_CHUNK = 512  # images per transaction: a kill loses the reading of at most so many
_UPSERT = f"""
INSERT INTO images ({FACTS}) SELECT {FACTS} FROM readings WHERE true ORDER BY hash
ON CONFLICT (path) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FACTS.split(", ")[1:])}
"""
_READING = f"INSERT OR REPLACE INTO readings ({FACTS}) VALUES ({', '.join('?' * len(FACTS.split(', ')))})"


@dataclass(frozen=True)
class ScanResult:
    """How many files a scan read, and how many the catalog holds in each state."""

    read: int
    ok: int
    quarantined: int
    missing: int
    ignored: int


class _StoredFile(NamedTuple):
    """The columns of a row that show whether its file has to be read again."""

    id: int
    bytes: int
    mtime_ns: int
    layout_split: str | None
    class_name: str | None
    state: str
    was_read: bool  # as a valid image, by this or an earlier scan


def scan(catalog: Catalog, layout: Layout, seed: int, report: ReportProgress = ignore_progress) -> ScanResult:
    """Bring the catalog up to date with the folder; only files that are new or changed are opened.

    What was read is saved as it goes: a scan that was killed continues where it stopped.
    """
    with catalog.connect() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('root', ?)", (display_name(os.fspath(layout.root))[0],))
        query = "SELECT path, id, bytes, mtime_ns, given, iif(edited IS NULL, class, filed), state, hash IS NOT NULL FROM images"
        stored = {path: _StoredFile(*row) for path, *row in connection.execute(query)}
        spellings = _spellings(connection)
        outdated = decoder_version.is_outdated(connection)
    changed, closed, tally = [], [], Tally(layout.root, layout.unused, layout.notes)
    for item in layout.entries():
        if item.unused:
            tally.add(item.unused)
            continue
        image = _stat(item, layout.root, spellings)
        before = stored.pop(image.path, None)
        if (
            before is None
            or not _unchanged(before, image)
            or (outdated and decoder_version.may_differ(image.path, before.was_read))
        ):
            changed.append(image)
        if item.obstacle:
            closed.append(f"{image.path}/")
    read = _read(catalog, changed, layout.root, report)
    gone = {path: row for path, row in stored.items() if row.state != "missing"}
    with catalog.connect() as connection:
        if changed or gone or tally.to_json() != catalog.meta("unused"):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('unused', ?)", (tally.to_json(),))
            renew_generation(connection)
        if changed or gone:
            # Splits are assigned without label edits: an edit must not move any other image to another split.
            label_overlay.lift(connection)
            _update(connection, gone, tuple(closed), layout.root)
            _assign_splits(connection, layout, seed)
            label_overlay.lay(connection, label_overlay.label_log(catalog.file))
            write_fingerprint(connection)
            renew_generation(connection)
        if outdated:
            decoder_version.note_version(connection)
        states = dict(connection.execute("SELECT state, count(*) FROM images GROUP BY state").fetchall())
    catalog.columns()  # builds them now, instead of when the first page needs them
    counts = (states.get(state, 0) for state in ("ok", "quarantined", "missing", "ignored"))
    return ScanResult(read, *counts)


def _spellings(connection: sqlite3.Connection) -> dict[str, str]:
    """Normalized name -> spelling of an older catalog that kept decomposed accents: existing runs and labels use that spelling."""
    query = "SELECT coalesce(filed, class) AS name, count(*) FROM images WHERE split = 'train' AND name IS NOT NULL GROUP BY name"
    counts = dict(connection.execute(query).fetchall())
    return {normalize_name(name): name for name in sorted(counts, key=counts.__getitem__) if not name.isascii()}


def _stat(item: LayoutEntry, root: Path, spellings: dict[str, str]) -> Row:
    """A row with what is known about the file before it is read."""
    path, raw = display_name(item.path[len(os.fspath(root)) + 1 :])
    class_name = display_name(item.class_name)[0] if item.class_name is not None else None
    class_name = spellings.get(class_name, class_name) if class_name is not None else None
    size, mtime, state, reason = 0, 0, "ok", ""
    if item.obstacle:
        state, reason = "quarantined", item.obstacle
    else:
        try:
            status = os.stat(item.path)  # noqa: PTH116 (pathlib is slow for a million files)
            size, mtime = status.st_size, status.st_mtime_ns
        except OSError as error:
            state, reason = "quarantined", _unreadable(item.path, error)
    return Row(
        id=0, path=path, raw=raw, layout_split=item.split, split=item.split, class_name=class_name, width=None, height=None,
        bytes=size, mtime_ns=mtime, hash=None, state=state, reason=reason,
    )  # fmt: skip


def _unreadable(path: str, error: OSError) -> str:
    """Why the file cannot be read, in words."""
    reason = file_kinds.broken_link_reason(path) if error.errno == errno.ENOENT else ""
    return reason or f"cannot be read ({error.strerror})"


def _unchanged(before: _StoredFile, now: Row) -> bool:
    return before.state != "missing" and before[1:5] == (now.bytes, now.mtime_ns, now.layout_split, now.class_name)


def _read(catalog: Catalog, changed: list[Row], root: Path, report: ReportProgress) -> int:
    """Read the changed files into `readings`, except those that a killed scan has read; returns how many were opened."""
    with catalog.connect() as connection:
        query = "SELECT path, bytes, mtime_ns, given, class FROM readings"
        stored = {path: tuple(facts) for path, *facts in connection.execute(query)}
        now = {row.path: (row.bytes, row.mtime_ns, row.layout_split, row.class_name) for row in changed}
        connection.executemany(
            "DELETE FROM readings WHERE path = ?", [(p,) for p, facts in stored.items() if now.get(p) != facts]
        )
    pending = [row for row in changed if stored.get(row.path) != now[row.path]]
    report(Progress("reading images", 0, len(pending)))
    done = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(pending), _CHUNK):
            examined = []
            for row in pool.map(lambda image: _examine(image, root), pending[start : start + _CHUNK]):
                examined.append(_values(row))
                done += 1
                report(Progress("reading images", done, len(pending)))
            with catalog.connect() as connection:
                connection.executemany(_READING, examined)
    return sum(row.state == "ok" for row in pending)


def _values(row: Row) -> tuple:
    return (row.path, row.raw, row.layout_split, row.split, row.class_name, row.width, row.height, row.bytes, row.mtime_ns,
            row.hash, row.state, row.reason, *(getattr(row, name) for name in MEASURED))  # fmt: skip


def _examine(row: Row, root: Path) -> Row:
    """The row with size, properties and hash from the file's content, or with the reason why it is not used."""
    if row.state != "ok":
        return row
    path = row.file(root)
    try:
        content, status = read_content(path)
        row = replace(row, bytes=status.st_size, mtime_ns=status.st_mtime_ns)
        if reason := file_kinds.pointer_reason(content):
            return replace(row, state="quarantined", reason=reason)
        return _decode(row, path, content)
    except ImageError as error:
        return replace(row, state="quarantined", reason=str(error))
    except OSError as error:
        return replace(row, state="quarantined", reason=f"cannot be read ({error.strerror})")


def _decode(row: Row, path: Path, content: bytes) -> Row:
    """The row with what the content shows; ignored where neither content nor name is an image's. Raises ImageError."""
    try:
        facts = inspect(content)
    except NotAnImage:
        # A `notes.txt` beside the photos is ignored; a broken file that is named like an image is reported.
        if looks_like_image(path):
            raise
        return replace(row, state="ignored", reason=file_kinds.format_reason(path.name, content[: file_kinds.HEAD_BYTES]))
    return replace(row, hash=content_hash(content), **facts._asdict())


def _update(connection: sqlite3.Connection, gone: dict[str, _StoredFile], closed: tuple[str, ...], root: Path) -> None:
    """Merge what was read, and mark the images of `gone` as missing, with the reason where their folder is `closed`."""
    forget_contents(decoder_version.changed_contents(connection))
    # `_UPSERT` sorts by hash, which is as good as random: paging through the catalog shows all classes from the start.
    connection.execute(_UPSERT)
    connection.execute("DELETE FROM readings")
    missing = [(_gone_reason(path, closed, root), row.id) for path, row in gone.items() if row.was_read]
    connection.executemany("UPDATE images SET state = 'missing', reason = ? WHERE id = ?", missing)
    # A file that never was a valid image is simply forgotten.
    connection.executemany("DELETE FROM images WHERE id = ?", [(row.id,) for row in gone.values() if not row.was_read])


def _gone_reason(path: str, closed: tuple[str, ...], root: Path) -> str:
    if path.startswith(closed):
        return "its folder cannot be read"
    return _NOT_USED if (root / path).is_file() else _GONE


def _assign_splits(connection: sqlite3.Connection, layout: Layout, seed: int) -> None:
    """Assign splits to the images for which the folder layout names none."""
    restore_unlearnable(connection)
    source = "train" if layout.has_splits else None
    needs_splits = source is None or not connection.execute("SELECT 1 FROM images WHERE given = 'validation' LIMIT 1").fetchone()
    if not needs_splits:
        # A validation folder that was added later replaces the validation images taken from train.
        connection.execute("UPDATE images SET split = given WHERE given = 'train'")
    else:
        shares = splits.SHARES_OF_TRAIN if layout.has_splits else splits.SHARES_OF_ALL
        rows = connection.execute(
            "SELECT images.id, images.hash, class, places.split FROM images LEFT JOIN places ON places.hash = images.hash "
            "WHERE state = 'ok' AND given IS ?",
            (source,),
        )
        assigned = splits.assign((splits.Candidate(*row) for row in rows), shares, seed)
        connection.executemany("UPDATE images SET split = ? WHERE id = ?", [(split, id_) for id_, split in assigned.items()])
        connection.execute(
            "INSERT OR IGNORE INTO places SELECT hash, split FROM images WHERE state = 'ok' AND given IS ?", (source,)
        )
