"""Explains why the system refused to write a file: one sentence on the cause, one on the way out."""

import errno
import os
import re
import shutil
import sqlite3
from pathlib import Path

from engine.core.errors import DiskError, UserError
from engine.core.paths import home

FULL = (errno.ENOSPC, errno.EDQUOT)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_FAILING = (errno.EIO, errno.EUCLEAN if hasattr(errno, "EUCLEAN") else errno.EIO)
# Not about a disk: signals, pipes, locks, memory.
_OTHER = (errno.EINTR, errno.EPIPE, errno.EAGAIN, errno.ENOMEM, errno.ECONNRESET, errno.ETIMEDOUT)
_ELSEWHERE = "or set SCENESCOPE_HOME to a folder on another disk."
_ANOTHER_FILE = "or name a file on another disk."
_SQLITE_FULL, _SQLITE_READONLY = sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY
_SQLITE_FILE = (_SQLITE_FULL, _SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM)
_SQLITE_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LITTLE = 64 << 10  # bytes free below which SQLite cannot make even its lock table


def disk_error(error: Exception, file: Path | str | None = None, needed: int = 0) -> DiskError | None:
    """What is wrong with the disk, as a DiskError; None where the error is about something else.

    `file` is what was being written, `needed` its size in bytes, where they are known.
    """
    if isinstance(error, UserError):
        return error if isinstance(error, DiskError) else None
    number = error_number(error)
    if number is None or number in _OTHER:
        return None
    name = os.fsdecode(file if file is not None else getattr(error, "filename", None) or "")
    return _to_disk_error(number, name, needed)


def error_number(error: BaseException) -> int | None:
    """The errno of a system error, also of one that a library passes on in its own words; None for other errors."""
    if isinstance(error, OSError):
        # Libraries raise OSErrors without a number too: Arrow, Pillow, safetensors.
        return error.errno or _number_in(str(error))
    if isinstance(error, sqlite3.Error):
        return errno.ENOSPC if "disk is full" in str(error) else None
    context = error.__context__
    if isinstance(error, RuntimeError) and isinstance(context, OSError):
        # torch closes its archive after a failed write, fails at that as well, and raises the second error.
        return context.errno
    return _number_in(str(error))


def _number_in(text: str) -> int | None:
    """The errno in a message of Arrow ("errno 28"), Rust ("os error 28") or Python ("[Errno 28]")."""
    match = re.search(r"\b(?:errno|os error) (\d+)", text, re.IGNORECASE)
    if match:
        return int(match[1])
    return errno.ENOSPC if "no space left on device" in text.lower() or "disk is full" in text.lower() else None


def database_error(error: sqlite3.Error, file: Path) -> DiskError | None:
    """What is wrong with the database's file, as a DiskError; None for a mistake in a query."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE_BUSY:
        return DiskError(
            f"The file {str(file)!r} is in use by another process.", "Try again in a minute.", errno.EBUSY, "in use", str(file)
        )
    if code in _SQLITE_DAMAGED:
        message = f"The file {str(file)!r} is damaged."
        return DiskError(message, _how_to_replace(file), errno.EIO, "damaged", str(file))
    return _to_disk_error(_reason(code, file), os.fspath(file), 0) if code in _SQLITE_FILE else None


def _how_to_replace(file: Path) -> str:
    if file.name == "catalog.sqlite":
        return (
            f"Move it away, then add the dataset's folder again with --name {file.parent.name}: the catalog is rebuilt, "
            "and the label edits are kept in labels.jsonl."
        )
    return "Remove it: it is a cache and will be rebuilt."


def _reason(code: int, file: Path) -> int:
    """The errno behind a failure of SQLite, which rarely says why it could not write: the disk is checked instead."""
    if code == _SQLITE_FULL:
        return errno.ENOSPC
    if not file.parent.is_dir():
        return errno.ENOENT
    if _is_read_only(file.parent):
        return errno.EROFS
    if not os.access(file.parent, os.W_OK) or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        return errno.EACCES
    return errno.ENOSPC if free_bytes(file) < _LITTLE else errno.EIO


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def free_bytes(file: Path | str) -> int:
    """Free bytes on the disk that holds `file`, which need not exist."""
    folder = Path(file).absolute()
    while True:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            if folder == folder.parent:
                return 0
            folder = folder.parent


def size_text(size: int) -> str:
    """A number of bytes as text: `4.0 GB`, `512 bytes`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if size < 10 * factor else f"{size / factor:,.0f} {unit}"
    return f"{size} bytes"


def _to_disk_error(number: int, name: str, needed: int) -> DiskError:
    shown = repr(name) if name else "The output"
    message, hint = _sentences(number, name, shown, needed)
    return DiskError(message, hint, number, os.strerror(number), name, needed)


def _sentences(number: int, name: str, shown: str, needed: int) -> tuple[str, str]:
    alternative = _ELSEWHERE if not name or Path(name).absolute().is_relative_to(home()) else _ANOTHER_FILE
    disk = f"The disk that holds {shown}" if name else "The disk"
    if number in FULL:
        space = f"{size_text(free_bytes(name or os.curdir))} are free"
        space = f"{size_text(needed)} are needed, {space}" if needed else space
        problem = "is full" if number == errno.ENOSPC else "has no space left for this account (quota)"
        return f"{disk} {problem}: {space}.", f"Free some space, {alternative}"
    if number == errno.EROFS:
        return f"{disk} is read-only.", f"Make it writable, {alternative}"
    if number in _FORBIDDEN:
        return f"{shown} cannot be written: permission denied.", f"Fix the folder's permissions, {alternative}"
    if number in _GONE:
        folder = os.path.dirname(name) or name  # noqa: PTH120 - text, and perhaps no path of this system
        return f"{shown} cannot be written: its folder {folder!r} is missing.", f"Connect the disk that holds it, {alternative}"
    if number in _FAILING:
        return f"{shown} cannot be written: the disk reports an error.", f"Check the disk, {alternative}"
    if number == errno.EFBIG:
        return f"{shown} cannot be written: it would exceed the limit on file sizes.", "Raise the limit on file sizes."
    return f"{shown} cannot be written: {os.strerror(number)}.", f"Fix this, {alternative}"
