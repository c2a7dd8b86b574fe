"""What changes whenever a file does: what a cached value belongs to."""

import os
import time
from collections.abc import Hashable
from pathlib import Path
from typing import NamedTuple

# Seconds after which another write cannot get the same date: file systems' clocks tick in milliseconds.
_SETTLED = 0.1


class FileStamp(NamedTuple):
    """Dates, size and inode. The change time too: a copy that preserves dates (`cp -p`) sets the modification time."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int


def file_stamp(file: str | Path) -> FileStamp | None:
    """The file's stamp; None where the file is missing or cannot be reached. Reading it then raises the reason."""
    try:
        status = os.stat(file)  # noqa: PTH116 - as text: making a thousand Paths costs more than a thousand calls of stat
    except OSError:
        return None
    return FileStamp(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def is_settled(stamp: Hashable) -> bool:
    """Whether no file among these stamps (nested tuples) was written so lately that another write would leave its stamp the same."""
    if isinstance(stamp, FileStamp):
        return abs(time.time() - stamp.changed_ns / 1e9) >= _SETTLED
    return all(map(is_settled, stamp)) if isinstance(stamp, tuple) else True
