"""Files that are whole or absent: atomic replacement, hashes, small JSON documents."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
_NAME_BYTES = 255  # the longest file name of common file systems
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")


def file_name(start: str, middle: str, end: str) -> str:
    """A file's name of three parts, whose middle is shortened where it would be longer than a file system allows."""
    while middle and len(os.fsencode(start + middle + end)) > _NAME_BYTES:
        middle = middle[:-1]
    return f"{start}{middle}{end}"


def fsync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every other process out of the block that locks the same file; waits for its turn."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def replacing(path: Path, durable: bool = False, make_folder: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well, and is removed otherwise.

    With `durable` the content and the rename are on the disk when the block returns. Without `make_folder` a folder that
    was deleted stays deleted.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / file_name(".", path.name, f".{secrets.token_hex(6)}")
    try:
        yield temporary
        if durable:
            fsync_file(temporary)
        os.replace(temporary, path)
        if durable:
            fsync_folder(path.parent)
    except OSError as error:
        # A failed write does not say of which file, and the temporary one's name says nothing to anybody.
        error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def fsync_file(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sweep(folder: Path, older_than: float = 3600.0) -> None:
    """Remove the temporary files that killed writers left in `folder`, once they are `older_than` seconds old."""
    for file in folder.iterdir():
        if _TEMPORARY.fullmatch(file.name) and time.time() - file.stat().st_mtime > older_than:
            file.unlink(missing_ok=True)


def write_json(path: Path, document: Any, durable: bool = False, make_folder: bool = True) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # of a file name that is no UTF-8
        text = json.dumps(document, indent=1)
    with replacing(path, durable, make_folder) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path, default: Any = None) -> Any:
    """The document, or `default` where the file is missing or is not JSON (a reader never trips over a torn file)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return default


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def content_hash(content: bytes) -> str:
    """How the catalog names what a file holds: BLAKE2b of 16 bytes, as hex."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def trim_folder(folder: Path, maximum_bytes: int) -> None:
    """Remove the least recently used files of a cache until it holds at most `maximum_bytes`."""
    entries = []
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process tidies up as well
            status = file.stat()
            if stat.S_ISREG(status.st_mode):
                entries.append((status.st_atime, status.st_size, file))
    excess = sum(size for _, size, _ in entries) - maximum_bytes
    for _, size, file in sorted(entries, key=lambda entry: entry[0]):
        if excess <= 0:
            return
        file.unlink(missing_ok=True)
        excess -= size
