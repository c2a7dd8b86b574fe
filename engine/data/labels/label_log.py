"""The label log: `labels.jsonl` in the dataset's folder, a line an entry, only ever appended to.

An append holds the lock, is on the disk when it returns, and is cut off again where it cannot be written whole: several tabs and
processes lose nothing. A torn last line is an append that was killed; nobody was told that it was kept.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import DiskError, UserError
from engine.core.files import lock_file, write_at
from engine.data.labels.label_edit import Damaged, Entry, parse

EMPTY = "0-00000000"  # the version of a log without entries
_KEPT = 8  # logs that a process holds

Make = Callable[[Sequence[Entry]], Sequence[Entry]]


@dataclass
class _Read:
    """What has been read of a file up to byte `offset`; `digests[n]` is over the first n entries."""

    stamp: tuple[int, int, int] = (0, 0, 0)  # inode, size, time of change
    offset: int = 0
    lines: int = 0
    entries: list[Entry] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=lambda: [b""])
    damaged: list[str] = field(default_factory=list)


_held: dict[Path, _Read] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Log:
    """The log in `file`, which need not exist yet. Cheap to make; what was read once is not read again."""

    file: Path

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that was decided, in the order in which it came into this log."""
        return tuple(self._read().entries)

    @property
    def damaged(self) -> list[str]:
        """A sentence for each line that says nothing and was passed over."""
        return list(self._read().damaged)

    def version(self, position: int | None = None) -> str:
        """The word for the first `position` entries (all of them): their number and a digest over them."""
        return _version(self._read(), position)

    def position(self, version: str) -> int | None:
        """How many entries `version` means; None where this log has never been so."""
        number = version.partition("-")[0]
        read = self._read()
        known = number.isdecimal() and len(number) < 10 and int(number) < len(read.digests)
        return int(number) if known and _version(read, int(number)) == version else None

    def stamp(self) -> tuple[int, int, int]:
        """What changes whenever the file does; zeros where there is none."""
        try:
            status = os.stat(self.file)  # noqa: PTH116 - asked for at every look into the catalog
        except (FileNotFoundError, NotADirectoryError):
            return 0, 0, 0
        return status.st_ino, status.st_size, status.st_mtime_ns

    def append(self, make: Make) -> list[Entry]:
        """Append what `make` answers to the entries so far; while it is asked, no other process appends. Raises UserError."""
        if not self.file.parent.is_dir():
            raise UserError(f"There is no folder {str(self.file.parent)!r} for the label edits.", "Was the dataset removed?")
        try:
            with lock_file(self.file.with_suffix(".lock")):
                known = self._read()
                fresh = list(make(tuple(known.entries)))
                if fresh:
                    text = "".join(f"{entry.line(known.lines + i)}\n" for i, entry in enumerate(fresh, 1))
                    # In the place of a torn line.
                    write_at(self.file, known.offset, text.encode("ascii"))
        except DiskError as error:
            raise error.in_context("The decision was not saved.", "Then decide again.") from error
        return fresh

    def _read(self) -> _Read:
        with _lock:
            stamp, held = self.stamp(), _held.pop(self.file, None) or _Read()
            if held.stamp != stamp:
                grown = held.stamp[0] == stamp[0] and held.stamp[1] < stamp[1]
                held = _more(self.file, held if grown else _Read())
                held.stamp = stamp
            _held[self.file] = held
            while len(_held) > _KEPT:
                _held.pop(next(iter(_held)))
            return held


def _more(file: Path, known: _Read) -> _Read:
    """`known` with the whole lines that came since; a copy, as others may hold the old one."""
    result = _Read((0, 0, 0), known.offset, known.lines, list(known.entries), list(known.digests), list(known.damaged))
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
        except Damaged as error:
            result.damaged.append(f"Line {result.lines:,} of {file.name} is damaged and was passed over: {error}.")
            continue
        result.entries.append(entry)
        result.digests.append(hashlib.blake2b(result.digests[-1] + entry.line(0).encode("ascii"), digest_size=8).digest())
    result.offset += len(whole)
    return result


def _version(read: _Read, position: int | None) -> str:
    n = len(read.entries) if position is None else position
    return f"{n}-{read.digests[n][:4].hex()}" if n else EMPTY
