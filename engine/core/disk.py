"""What the system's refusal to write a file means for the person who sees it: one sentence, one way out."""

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
# Not of a disk: a signal, a pipe, a lock, the memory.
_OTHER = (errno.EINTR, errno.EPIPE, errno.EAGAIN, errno.ENOMEM, errno.ECONNRESET, errno.ETIMEDOUT)
_ELSEWHERE = "or set SCENESCOPE_HOME to a folder on another disk."
_ANOTHER_FILE = "or name a file on another disk."
_SQLITE_FULL, _SQLITE_READONLY = sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY
_SQLITE_FILE = (_SQLITE_FULL, _SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM)
_SQLITE_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LITTLE = 64 << 10  # bytes free below which SQLite cannot make even its lock table


def disk_error(error: Exception, file: Path | str | None = None, needed: int = 0) -> DiskError | None:
    """What is wrong with the disk; None where the error is of something else.

    `file` is what was being written, `needed` its size in bytes, where they are known.
    """
    if isinstance(error, UserError):
        return error if isinstance(error, DiskError) else None
    number = error_number(error)
    if number is None or number in _OTHER:
        return None
    name = os.fsdecode(file if file is not None else getattr(error, "filename", None) or "")
    return _explained(number, name, needed)


def error_number(error: BaseException) -> int | None:
    """The system's number of an error that it raised, or that a library passes on in words of its own; None where it is another."""
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
    """As Arrow ("errno 28"), Rust ("os error 28") and Python ("[Errno 28]") write it."""
    match = re.search(r"\b(?:errno|os error) (\d+)", text, re.IGNORECASE)
    if match:
        return int(match[1])
    return errno.ENOSPC if "no space left on device" in text.lower() or "disk is full" in text.lower() else None


def database_error(error: sqlite3.Error, file: Path) -> DiskError | None:
    """The same for an error of SQLite's; None for a mistake in a query."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE_BUSY:
        return DiskError(
            f"The file {str(file)!r} is in use by another process.", "Try again in a minute.", errno.EBUSY, "in use", str(file)
        )
    if code in _SQLITE_DAMAGED:
        message = f"The file {str(file)!r} is damaged."
        return DiskError(message, _how_to_replace(file), errno.EIO, "damaged", str(file))
    return _explained(_reason(code, file), os.fspath(file), 0) if code in _SQLITE_FILE else None


def _how_to_replace(file: Path) -> str:
    if file.name == "catalog.sqlite":
        return (
            f"Move it away, then add the dataset's folder again with --name {file.parent.name}: the catalog is made anew, "
            "and the label edits are in labels.jsonl."
        )
    return "Remove it: it is a cache and will be rebuilt."


def _reason(code: int, file: Path) -> int:
    """SQLite says that it could not write, and seldom why: the disk is asked."""
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
    """Bytes that may still be written on the disk that holds `file`, which need not exist."""
    place = Path(file).absolute()
    while True:
        try:
            return shutil.disk_usage(place).free
        except OSError:
            if place == place.parent:
                return 0
            place = place.parent


def size_text(size: int) -> str:
    """A number of bytes as people read it."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if size >= one:
            return f"{size / one:.1f} {unit}" if size < 10 * one else f"{size / one:,.0f} {unit}"
    return f"{size} bytes"


def _explained(number: int, name: str, needed: int) -> DiskError:
    shown = repr(name) if name else "The output"
    message, hint = _sentences(number, name, shown, needed)
    return DiskError(message, hint, number, os.strerror(number), name, needed)


def _sentences(number: int, name: str, shown: str, needed: int) -> tuple[str, str]:
    away = _ELSEWHERE if not name or Path(name).absolute().is_relative_to(home()) else _ANOTHER_FILE
    disk = f"The disk that holds {shown}" if name else "The disk"
    if number in FULL:
        room = f"{size_text(free_bytes(name or os.curdir))} are free"
        room = f"{size_text(needed)} are needed, {room}" if needed else room
        what = "is full" if number == errno.ENOSPC else "has no room left for this account (quota)"
        return f"{disk} {what}: {room}.", f"Free some space, {away}"
    if number == errno.EROFS:
        return f"{disk} is read-only.", f"Make it writable, {away}"
    if number in _FORBIDDEN:
        return f"{shown} may not be written: no permission.", f"Fix the permissions of the folder, {away}"
    if number in _GONE:
        folder = os.path.dirname(name) or name  # noqa: PTH120 - text, and perhaps no path of this system
        return f"{shown} cannot be written: its folder {folder!r} is not there.", f"Connect the disk that holds it, {away}"
    if number in _FAILING:
        return f"{shown} cannot be written: the disk reports an error.", f"Check the disk, {away}"
    if number == errno.EFBIG:
        return f"A file may not become so large here ({name}).", "Raise the limit on the size of files."
    return f"{shown} cannot be written: {os.strerror(number)}.", f"Fix that, {away}"
