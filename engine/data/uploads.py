"""What a person uploads, files and zip archives of them -> pictures by name, one at a time, within limits.

An archive is read in memory, member by member: nothing of it reaches the disk, and its paths are names and no places.
"""

import io
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from engine.core.files import CHUNK
from engine.data.decoding import file_too_large
from engine.data.file_kinds import HEAD_BYTES, format_reason, has_signature, looks_like_image
from engine.data.file_kinds import is_archive as is_archive_name
from engine.data.zip_names import member_names

_ENCRYPTED = 0x1  # a flag of a member
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_OTHER_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_MEMBER = b"PK\x01\x02"
_NOISE = frozenset({"__macosx", "thumbs.db", "desktop.ini", ".ds_store"})
_LONGEST_NAME = 1_000
_DAMAGED = "damaged in the archive"


@dataclass(frozen=True)
class UploadLimits:
    """How much of an upload is taken; what is over a limit is named and left out, and what follows it as well."""

    pictures: int = 20_000
    picture_bytes: int = 25 << 20
    members: int = 50_000  # of one archive, folders and other files included: each costs memory before one is read
    total_bytes: int = 4 << 30  # unpacked, of one archive
    growth: int = 20  # unpacked, by the archive's size: photographs hardly grow
    small: int = 64 << 20  # unpacked bytes that an archive of any size may hold


class UploadItem(NamedTuple):
    """One picture: its name (`class/file.jpg` in an archive or a folder), and what is in it; or why it was left out."""

    name: str
    content: bytes = b""
    reason: str = ""

    @property
    def class_name(self) -> str:
        """The folder that the picture lies in, "" where it lies in none."""
        return parent_folder(self.name)


class _Stop(Exception):
    """The rest of the archive is not read; the text says why."""


def parent_folder(name: str) -> str:
    """The last folder of a name, which is its class where folders are classes; "" where there is none."""
    return name.rpartition("/")[0].rpartition("/")[2]


def read_images(uploads: Iterable[tuple[str, bytes | BinaryIO]], limits: UploadLimits = UploadLimits()) -> Iterator[UploadItem]:
    """The pictures in (name, content) pairs, in order: archives are opened, everything that is not taken has a reason.

    Lazy: one picture's bytes are in memory at a time. Whether the bytes are a picture is for `engine.data.decoding` to say.
    """
    taken = 0
    for name, content in uploads:
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        for item in _members(name, stream, limits) if is_archive(name, stream) else [_single(name, stream, limits)]:
            taken += not item.reason
            if taken > limits.pictures:
                yield UploadItem(
                    item.name, reason=f"the limit of {limits.pictures:,} pictures at once is reached: the rest is left out"
                )
                return
            yield item


def is_archive(name: str, stream: BinaryIO) -> bool:
    """Whether an upload is opened as an archive: by its first bytes, or by its name where they say nothing else."""
    stream.seek(0)
    return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06") or name.lower().endswith(".zip")


def clean_name(name: str) -> str | None:
    """A member's path as a name for the screen, parts joined by "/"; None for one that leads out of the archive."""
    name = _printable(name.replace("\\", "/"))
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or len(name) > _LONGEST_NAME:
        return None
    return "/".join(parts)


def _printable(name: str) -> str:
    """The name without what would turn, break or end a line of text."""
    name = unicodedata.normalize("NFC", name)
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in name)


def _single(name: str, stream: BinaryIO, limits: UploadLimits) -> UploadItem:
    shown = clean_name(name) or _printable(name)[-60:] or "unnamed"
    stream.seek(0)
    content = stream.read(limits.picture_bytes + 1)
    head = content[:HEAD_BYTES]
    if is_archive_name(shown):
        return UploadItem(shown, reason="an archive of a kind that is not read: unpack it, or pack it as a .zip")
    if not (looks_like_image(shown) or has_signature(head)):
        return UploadItem(shown, reason=format_reason(shown, head) if content else "empty file")
    if len(content) > limits.picture_bytes:
        return UploadItem(shown, reason=file_too_large(stream.seek(0, io.SEEK_END), limits.picture_bytes))
    return UploadItem(shown, content)


def _members(archive: str, stream: BinaryIO, limits: UploadLimits) -> Iterator[UploadItem]:
    archive = clean_name(archive) or "archive.zip"
    try:
        size = _checked_size(stream, limits)
        with zipfile.ZipFile(stream) as opened:
            budget = min(limits.total_bytes, max(limits.small, limits.growth * size))
            members = opened.infolist()
            if reason := _other_methods(members):
                yield UploadItem(archive, reason=reason)
            for member, name in zip(members, member_names(members), strict=True):
                item = None if member.compress_type not in _METHODS else _member(opened, member, name, limits, budget)
                if item:
                    yield item
                if item and (item.content or item.reason.startswith(_DAMAGED)):
                    budget -= member.file_size
    except _Stop as stop:
        yield UploadItem(archive, reason=str(stop))
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, OverflowError):
        yield UploadItem(archive, reason="damaged archive: it cannot be opened")


def _checked_size(stream: BinaryIO, limits: UploadLimits) -> int:
    """The archive's bytes. Its members are counted by their mark: the count that it states need not be true."""
    stream.seek(0)
    size, members, tail = 0, 0, b""
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        members += (tail + chunk).count(_MEMBER)
        tail = chunk[-len(_MEMBER) + 1 :]
        if members > limits.members:
            raise _Stop(f"too many files in the archive: the limit is {limits.members:,}")
    return size


def _other_methods(members: Sequence[zipfile.ZipInfo]) -> str:
    """A sentence on the files that are compressed in a way that is not read; "" where there are none."""
    others = [member.compress_type for member in members if member.compress_type not in _METHODS and not member.is_dir()]
    if not others:
        return ""
    names = " and ".join(sorted({_OTHER_METHODS.get(one, f"method {one}") for one in others}))
    files = "file is" if len(others) == 1 else "files are"
    return f"{len(others):,} {files} compressed with {names}, which is not read: pack the archive again with the usual Deflate"


def _member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, limits: UploadLimits, budget: int) -> UploadItem | None:
    """The member as an item; None for folders and for what systems leave in archives unasked. Raises _Stop."""
    name = clean_name(path)
    parts = (name or "").lower().split("/")
    if member.is_dir() or not _NOISE.isdisjoint(parts) or parts[-1].startswith("._"):
        return None
    if name is None:
        return UploadItem(_printable(path)[-60:], reason="its path leads out of the archive")
    if reason := _refused(name, member, limits):
        return UploadItem(name, reason=reason)
    if member.file_size > budget:
        raise _Stop("it unpacks to far more than its own size: the rest of it is left out")
    try:
        with opened.open(member) as file:
            head = file.read(HEAD_BYTES)
            if not (looks_like_image(name) or has_signature(head)):
                return UploadItem(name, reason="not a picture")
            return UploadItem(name, head + file.read(limits.picture_bytes - len(head)))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        return UploadItem(name, reason=f"{_DAMAGED} ({str(error)[:80] or type(error).__name__})")


def _refused(name: str, member: zipfile.ZipInfo, limits: UploadLimits) -> str:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link, not a picture"
    if is_archive_name(name):
        return "an archive in an archive: unpack it first"
    if "." in name.rpartition("/")[2] and not looks_like_image(name):
        return "not a picture by its name"
    if member.flag_bits & _ENCRYPTED:
        return "locked with a password"
    if member.file_size > limits.picture_bytes:
        return file_too_large(member.file_size, limits.picture_bytes)
    return ""
