"""The one place that opens SQLite files: for reading even on a full or read-only disk, for writing with readable errors.

A database in WAL mode needs files beside it (`-wal`, `-shm`) even to be read. Where they cannot be created, it is opened as
immutable; if its `-wal` still holds changes, as a copy in memory with those changes applied.
"""

import contextlib
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import quote

from cachetools import LRUCache

from engine.core.disk import database_error
from engine.core.errors import UserError
from engine.core.file_stamp import file_stamp
from engine.core.files import create_folder

_TIMEOUT = 30.0  # seconds to wait for another process's transaction
_MAX_COPIES = 4  # databases that a process keeps in memory
_ATTEMPTS = 5
_WAL_HEADER, _FRAME_HEADER = 32, 24

Prepare = Callable[[sqlite3.Connection], None]


@contextlib.contextmanager
def explain_database_errors(file: Path) -> Generator[None]:
    """Raise SQLite's errors about its file as DiskErrors; a mistake in a query keeps its own error."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if explained := database_error(error, file):
            raise explained from error
        raise


@contextlib.contextmanager
def open_for_writing(file: Path, prepare: Prepare = lambda connection: None) -> Generator[sqlite3.Connection]:
    """A transaction that commits when the block succeeds and rolls back otherwise. `prepare` is called before it begins."""
    create_folder(file.parent)
    with explain_database_errors(file):
        connection = sqlite3.connect(file, timeout=_TIMEOUT)
        try:
            # In WAL mode this cannot damage the file; a power cut may lose the last transactions, which can be computed again.
            connection.execute("PRAGMA synchronous=NORMAL")
            prepare(connection)
            with connection:
                yield connection
        finally:
            connection.close()


def open_for_reading(file: Path) -> sqlite3.Connection:
    """A connection for queries. Raises UserError where the file is missing, DiskError where it cannot be read."""
    with explain_database_errors(file):
        try:
            return _connect(file, "mode=rw")
        except sqlite3.OperationalError as error:
            if not file.is_file():
                raise UserError(f"The file {str(file)!r} is missing.", "Was its disk removed? Otherwise recreate it.") from None
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        # Where not even the lock table can be created, no other process can be writing.
        return memory_copy(file) if _has_log(file) else _connect(file, "immutable=1")


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(os.fsencode(file))}?{mode}", timeout=_TIMEOUT, uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _has_log(file: Path) -> bool:
    try:
        return _log_of(file).stat().st_size > _WAL_HEADER
    except OSError:
        return False


# By file and version: the file's stamp, the connection that keeps the copy alive, its address.
_copies: LRUCache[tuple[Path, object], tuple[tuple, sqlite3.Connection, str]] = LRUCache(_MAX_COPIES)
_lock = threading.Lock()
_number = 0


def memory_copy(file: Path, prepare: Prepare = lambda connection: None, version: object = None) -> sqlite3.Connection:
    """A connection to a copy in memory, changed by `prepare`; copied once per state of the file and `version`."""
    global _number
    with _lock, explain_database_errors(file):
        stamp, key = _stamp(file), (file, version)
        entry = _copies.get(key)
        if entry is None or entry[0] != stamp:
            _number += 1
            address = f"file:copy-{os.getpid()}-{_number}?mode=memory&cache=shared"
            entry = _copies[key] = (stamp, _copy(file, address, prepare), address)
        # A shared memory database exists as long as one connection to it does: the one in `entry`.
        return sqlite3.connect(entry[2], timeout=_TIMEOUT, uri=True)


def _copy(file: Path, address: str, prepare: Prepare) -> sqlite3.Connection:
    anchor = sqlite3.connect(address, uri=True, check_same_thread=False)
    source = sqlite3.connect(":memory:")
    try:
        source.deserialize(_content(file))
        source.backup(anchor)
        prepare(anchor)
        anchor.commit()
    except BaseException:
        anchor.close()
        raise
    finally:
        source.close()
    return anchor


def _stamp(file: Path) -> tuple:
    return file_stamp(file), file_stamp(_log_of(file))


def _content(file: Path) -> bytes:
    """The database file with the committed changes of its `-wal` applied, marked as one that needs no `-wal`."""
    pages, log = _read_both(file)
    apply_log(pages, log)
    pages[18:20] = b"\x01\x01"  # the header's read and write version: not WAL
    return bytes(pages)


def _read_both(file: Path) -> tuple[bytearray, bytes]:
    """The bytes of the database and of its `-wal`, read again where a writer moved a page from one to the other in between."""
    attempts = 0
    while True:
        before, attempts = _stamp(file), attempts + 1
        pages = bytearray(file.read_bytes())
        log = _log_of(file).read_bytes() if _has_log(file) else b""
        if _stamp(file) == before or attempts == _ATTEMPTS:
            return pages, log


def apply_log(pages: bytearray, log: bytes) -> None:
    """Write the pages of the log's committed transactions into `pages`; the format is documented at sqlite.org/walformat.html."""
    if len(log) <= _WAL_HEADER:
        return
    magic, _, page_size, _, salt1, salt2, sum1, sum2 = struct.unpack(">8I", log[:_WAL_HEADER])
    order = ">" if magic & 1 else "<"
    if magic & ~1 != 0x377F0682 or _checksum(log[: _WAL_HEADER - 8], order, 0, 0) != (sum1, sum2):
        return
    uncommitted: dict[int, bytes] = {}
    for start in range(_WAL_HEADER, len(log) - page_size - _FRAME_HEADER + 1, page_size + _FRAME_HEADER):
        number, size, first, second, *sums = struct.unpack(">6I", log[start : start + _FRAME_HEADER])
        page = log[start + _FRAME_HEADER : start + _FRAME_HEADER + page_size]
        sum1, sum2 = _checksum(log[start : start + 8] + page, order, sum1, sum2)
        if (first, second) != (salt1, salt2) or (sum1, sum2) != tuple(sums):
            return  # a frame from before the log was last reset, or a torn one
        uncommitted[number] = page
        if size:  # a commit: `size` is the number of pages in the database after it
            pages += bytes(max(0, size * page_size - len(pages)))
            for each, content in uncommitted.items():
                pages[(each - 1) * page_size : each * page_size] = content
            del pages[size * page_size :]
            uncommitted = {}


def _checksum(content: bytes, order: str, sum1: int, sum2: int) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for first, second in zip(words[::2], words[1::2], strict=True):
        sum1 = (sum1 + first + sum2) & 0xFFFFFFFF
        sum2 = (sum2 + second + sum1) & 0xFFFFFFFF
    return sum1, sum2
