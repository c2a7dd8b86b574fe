"""The label log: `labels.jsonl` in the dataset's folder, one line per entry, only ever appended to.

An append holds the lock, is on the disk when it returns, and is cut off again if it cannot be written whole, so that several tabs
and processes lose nothing. A torn last line belongs to an append that was killed before it was confirmed, and may be overwritten.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cachetools import LRUCache

from engine.core.errors import DiskError, UserError
from engine.core.file_stamp import FileStamp, file_stamp
from engine.core.files import lock_file, write_at
from engine.data.labels.label_edit import DamagedEntryError, Entry, parse

EMPTY = "0-00000000"  # the version of a log without entries
_MAX_CACHED = 8  # logs that a process holds in memory

MakeEntries = Callable[[Sequence[Entry]], Sequence[Entry]]


@dataclass
class _Contents:
    """A log file as read up to byte `offset`. `digests[n]` is over the first n entries."""

    stamp: FileStamp | None = None
    offset: int = 0
    lines: int = 0
    entries: list[Entry] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=lambda: [b""])
    damaged: list[str] = field(default_factory=list)


_cache: LRUCache[Path, _Contents] = LRUCache(_MAX_CACHED)
_lock = threading.Lock()


@dataclass(frozen=True)
class LabelLog:
    """The log in `file`, which need not exist yet. Cheap to construct: the process reads each line of a file once."""

    file: Path

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, in the order in which they came into this log."""
        return tuple(self._read().entries)

    @property
    def damaged(self) -> list[str]:
        """One sentence per line that could not be read and was skipped."""
        return list(self._read().damaged)

    def version(self, position: int | None = None) -> str:
        """The name of the state after the first `position` entries (default: all): their number and a digest over them."""
        return _version(self._read(), position)

    def position(self, version: str) -> int | None:
        """After how many entries the log was at `version`; None if it never was."""
        number = version.partition("-")[0]
        contents = self._read()
        # A version comes from the command line: int() of a text of thousands of digits would raise.
        in_range = number.isdecimal() and len(number) < 10 and int(number) < len(contents.digests)
        return int(number) if in_range and _version(contents, int(number)) == version else None

    def append(self, make: MakeEntries) -> list[Entry]:
        """Append the entries that `make` returns when given those so far, and return them. Raises UserError.

        `make` runs under the lock: no other process appends between its reading and the writing.
        """
        if not self.file.parent.is_dir():
            raise UserError(f"There is no folder {str(self.file.parent)!r} for the label edits.", "Was the dataset removed?")
        try:
            with lock_file(self.file.with_suffix(".lock")):
                contents = self._read()
                fresh = list(make(tuple(contents.entries)))
                if fresh:
                    text = "".join(f"{entry.line(contents.lines + i)}\n" for i, entry in enumerate(fresh, 1))
                    # At the end of the last whole line, over whatever a killed append left behind it.
                    write_at(self.file, contents.offset, text.encode("ascii"))
        except DiskError as error:
            raise error.in_context("The decision was not saved.", "Then decide again.") from error
        return fresh

    def _read(self) -> _Contents:
        with _lock:
            stamp, contents = file_stamp(self.file), _cache.get(self.file) or _Contents()
            if contents.stamp != stamp:
                contents = _read_on(self.file, contents if _has_grown(contents.stamp, stamp) else _Contents())
                contents.stamp = stamp
            _cache[self.file] = contents
            return contents


def _has_grown(before: FileStamp | None, after: FileStamp | None) -> bool:
    """Whether it is the same file, but longer: only then can it be read on from where it was left. Anything else was replaced."""
    return before is not None and after is not None and before.inode == after.inode and before.size < after.size


def _read_on(file: Path, contents: _Contents) -> _Contents:
    """`contents` with the whole lines that came since; a copy, because other threads may be iterating over the old one."""
    result = replace(contents, entries=list(contents.entries), digests=list(contents.digests), damaged=list(contents.damaged))
    try:
        with open(file, "rb") as source:
            source.seek(result.offset)
            text = source.read()
    except (FileNotFoundError, NotADirectoryError):
        return result
    whole = text[: text.rfind(b"\n") + 1]
    for line in whole.splitlines():
        result.lines += 1
        try:
            entry = parse(line)
        except DamagedEntryError as error:
            result.damaged.append(f"Line {result.lines:,} of {file.name} is damaged and was skipped: {error}.")
            continue
        result.entries.append(entry)
        # Each digest covers the one before, so that equal versions mean equal histories. The sequence number is left out (0):
        # it counts damaged lines too.
        result.digests.append(hashlib.blake2b(result.digests[-1] + entry.line(0).encode("ascii"), digest_size=8).digest())
    result.offset += len(whole)
    return result


def _version(contents: _Contents, position: int | None) -> str:
    n = len(contents.entries) if position is None else position
    return f"{n}-{contents.digests[n][:4].hex()}" if n else EMPTY
