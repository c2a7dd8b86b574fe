"""The one place that writes files: whole or not at all, and with a readable error where the disk refuses (`engine.core.disk`).

SQLite files are written by `engine.core.database`. A test searches the code for writes that bypass these two.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from engine.core.disk import disk_error

CHUNK = 1 << 20
_NAME_BYTES = 255  # the longest file name of common file systems
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")


def file_name(start: str, middle: str, end: str) -> str:
    """The three parts joined to a file name; the middle is shortened where the name would be too long for a file system."""
    while middle and len(os.fsencode(start + middle + end)) > _NAME_BYTES:
        middle = middle[:-1]
    return f"{start}{middle}{end}"


@contextlib.contextmanager
def explain_disk_errors(path: Path, needed: int = 0, temporary: Path | None = None) -> Generator[None]:
    """Raise the disk's errors in the block as DiskErrors that name `path`, because the name of a `temporary` file helps nobody.

    `needed`: the size of the write in bytes, where it is known.
    """
    try:
        yield
    except Exception as error:
        name = getattr(error, "filename", None)
        file = Path(os.fsdecode(name)) if isinstance(name, str | bytes | Path) else path
        explained = disk_error(error, path if _belongs_to(file, path, temporary) else file, needed)
        if explained is None or explained is error:
            raise
        raise explained from error


def _belongs_to(file: Path, path: Path, temporary: Path | None) -> bool:
    """Whether an error about `file` is one about writing `path`."""
    return file in (path, path.parent, temporary) or (temporary is not None and temporary in file.parents)


def fsync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    with explain_disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_file(path: Path) -> None:
    with explain_disk_errors(path), open(path, "rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def lock_file(path: Path) -> Generator[None]:
    """Hold an exclusive lock on the file during the block; waits until other processes have released it."""
    with explain_disk_errors(path):
        file = open(path, "w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def create_folder(folder: Path, parents: bool = True, fresh: bool = False) -> Path:
    """Create the folder if it is missing. With `fresh` it must not exist; without `parents` its parent must exist."""
    with explain_disk_errors(folder):
        folder.mkdir(parents=parents, exist_ok=not fresh)
    return folder


@contextlib.contextmanager
def replace_file(path: Path, durable: bool = False, make_folder: bool = True, needed: int = 0) -> Generator[Path]:
    """Yield a temporary path that replaces `path` when the block succeeds, and is removed otherwise.

    With `durable`, content and rename survive a power cut once the block has ended. Without `make_folder`, a deleted folder
    stays deleted. Raises DiskError, with the `needed` bytes where they are known.
    """
    if make_folder:
        create_folder(path.parent)
    temporary = path.parent / file_name(".", path.name, f".{secrets.token_hex(6)}")
    with explain_disk_errors(path, needed, temporary):
        try:
            yield temporary
            if durable:
                # Before the rename: otherwise a power cut may leave the new name with an empty file.
                fsync_file(temporary)
            os.replace(temporary, path)
        finally:
            # On a disk that has become read-only it stays; `sweep` removes it later.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        if durable:
            fsync_folder(path.parent)


@contextlib.contextmanager
def temporary_folder(parent: Path, prefix: str = ".making-") -> Generator[Path]:
    """Yield a new folder inside `parent`, which is removed when the block ends."""
    create_folder(parent)
    with explain_disk_errors(parent):
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    try:
        with explain_disk_errors(parent, temporary=folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_bytes(path: Path, content: bytes, durable: bool = False, make_folder: bool = True) -> None:
    with replace_file(path, durable, make_folder, len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str, durable: bool = False, make_folder: bool = True) -> None:
    write_bytes(path, text.encode("utf-8"), durable, make_folder)


def write_json(path: Path, document: Any, durable: bool = False, make_folder: bool = True) -> None:
    write_text(path, json_text(document), durable, make_folder)


def json_text(document: Any) -> str:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # from a file name that is not valid UTF-8
        return json.dumps(document, indent=1)
    return text


def overwrite_json(path: Path, document: Any, durable: bool = False) -> None:
    """Replace a small document, or overwrite it in place where the disk has no space for a second file. Raises DiskError."""
    try:
        write_json(path, document, durable, make_folder=False)
    except OSError:
        text = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
        with explain_disk_errors(path, len(text)):
            # Padded with blanks to the old length and written in one call, so that no reader finds the old text's end.
            descriptor = os.open(path, os.O_WRONLY)
            try:
                os.pwrite(descriptor, text.ljust(os.fstat(descriptor).st_size), 0)
            finally:
                os.close(descriptor)


def write_at(path: Path, offset: int, content: bytes) -> None:
    """Replace everything from byte `offset` on by `content`, durably. Where it cannot be written whole, the file ends at `offset`."""
    is_new = not path.exists()
    with explain_disk_errors(path, len(content)):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644), "wb", buffering=0) as file:
            file.truncate(offset)
            file.seek(offset)
            try:
                written = 0
                while written < len(content):
                    written += file.write(content[written:])
                os.fsync(file.fileno())
            except OSError:
                file.truncate(offset)
                raise
        if is_new:
            fsync_folder(path.parent)


def open_for_lines(path: Path) -> int:
    """A descriptor for `append_line`; the file is created where it is missing."""
    with explain_disk_errors(path):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def append_line(descriptor: int, path: Path, line: bytes) -> None:
    """Append a line to an open file, whole or not at all."""
    with explain_disk_errors(path, len(line)):
        size = os.fstat(descriptor).st_size
        try:
            rest = line
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def truncate(path: Path, size: int) -> None:
    """Cut the file off at `size` bytes, durably."""
    with explain_disk_errors(path), open(path, "r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def open_to_append(path: Path) -> IO[bytes]:
    """A binary stream that appends to the file, for a process's output."""
    with explain_disk_errors(path):
        return open(path, "ab")


def reserve(path: Path, size: int) -> None:
    """Allocate all blocks of the file now: on a full disk, a write to a memory map without blocks kills the process (SIGBUS)."""
    with explain_disk_errors(path, size), open(path, "ab") as file:
        reserve_open(file.fileno(), size)


def reserve_open(descriptor: int, size: int) -> None:
    """`reserve` for an open file."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        os.posix_fallocate(descriptor, 0, size)


def touch(path: Path) -> None:
    with explain_disk_errors(path):
        path.touch()


def remove(path: Path) -> None:
    """Remove the file, if it is there."""
    with explain_disk_errors(path):
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove the folder and its content; what cannot be removed is left behind."""
    shutil.rmtree(folder, ignore_errors=True)


def move(source: Path, target: Path) -> None:
    """Rename atomically within one disk; a file at `target` is replaced."""
    with explain_disk_errors(target, temporary=source):
        os.replace(source, target)


def link(target: Path, place: Path) -> None:
    """Create a symbolic link to `target` at `place`, and the folder of `place` where it is missing."""
    create_folder(place.parent)
    with explain_disk_errors(place):
        place.symlink_to(target)


def sweep(folder: Path, older_than: float = 3600.0) -> None:
    """Remove the temporary files that killed writers left in `folder`, once they are `older_than` seconds old."""
    with contextlib.suppress(OSError):  # on a disk that cannot be written they stay
        for file in folder.iterdir():
            if _TEMPORARY.fullmatch(file.name) and time.time() - file.stat().st_mtime > older_than:
                file.unlink(missing_ok=True)


def read_json(path: Path, default: Any = None) -> Any:
    """The document, or `default` where the file is missing or is not JSON (such as one that a kill cut off)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return default


def sha256(path: Path) -> str:
    """The SHA-256 of the file's content, as hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def content_hash(content: bytes) -> str:
    """The catalog's key for a file's content: BLAKE2b with 16 bytes, as hex."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def trim_folder(folder: Path, maximum_bytes: int) -> None:
    """Remove the least recently used files of a cache until it takes at most `maximum_bytes`."""
    entries = []
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process is trimming, too
            status = file.stat()
            if stat.S_ISREG(status.st_mode):
                entries.append((status.st_atime, status.st_size, file))
    excess = sum(size for _, size, _ in entries) - maximum_bytes
    for _, size, file in sorted(entries, key=lambda entry: entry[0]):
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
            excess -= size
