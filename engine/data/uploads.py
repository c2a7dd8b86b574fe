"""Reads uploaded files and zip archives as named images, one at a time, within limits.

An archive is read in memory, member by member: nothing is unpacked to the disk, and its paths serve only as names.
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

_ENCRYPTED = 0x1  # flag of an encrypted member
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_OTHER_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_MEMBER = b"PK\x01\x02"  # starts each member's entry in the central directory
_NOISE = frozenset({"__macosx", "thumbs.db", "desktop.ini", ".ds_store"})
_MAX_NAME_LENGTH = 1_000
_DAMAGED = "damaged in the archive"


@dataclass(frozen=True)
class UploadLimits:
    """How much of an upload is read; a file above a limit is reported with the reason instead."""

    images: int = 20_000
    image_bytes: int = 25 << 20
    members: int = 50_000  # of one archive, including folders and other files: each takes memory before anything is read
    total_bytes: int = 4 << 30  # unpacked, of one archive
    growth: int = 20  # unpacked, relative to the archive's size: photographs hardly compress
    small: int = 64 << 20  # unpacked bytes that an archive of any size may hold


class UploadItem(NamedTuple):
    """One image: its name (`class/file.jpg` in an archive or a folder), and its content, or the reason why it was not read."""

    name: str
    content: bytes = b""
    reason: str = ""

    @property
    def class_name(self) -> str:
        """The image's folder; "" where it is in none."""
        return parent_folder(self.name)


class _Stop(Exception):
    """The rest of the archive is not read; the message says why."""


def parent_folder(name: str) -> str:
    """The last folder in a name, which is the class where folders are classes; "" where there is none."""
    return name.rpartition("/")[0].rpartition("/")[2]


def read_images(uploads: Iterable[tuple[str, bytes | BinaryIO]], limits: UploadLimits = UploadLimits()) -> Iterator[UploadItem]:
    """Yield the images of (name, content) pairs, in order. Archives are opened; a file that is not read has a reason.

    One image's bytes are in memory at a time. Whether the bytes are a valid image is checked by `engine.data.decoding`.
    """
    accepted = 0
    for name, content in uploads:
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        items = _read_members(name, stream, limits) if is_archive(name, stream) else [_read_single(name, stream, limits)]
        for item in items:
            accepted += not item.reason
            if accepted > limits.images:
                reason = f"the limit of {limits.images:,} images at once is reached: the rest is left out"
                yield UploadItem(item.name, reason=reason)
                return
            yield item


def is_archive(name: str, stream: BinaryIO) -> bool:
    """Whether an upload is a zip archive, by its first bytes or its extension."""
    stream.seek(0)
    return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06") or name.lower().endswith(".zip")


def clean_name(name: str) -> str | None:
    """A member's path as a displayable name, with parts joined by "/"; None for a path that leads out of the archive."""
    name = _printable(name.replace("\\", "/"))
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or len(name) > _MAX_NAME_LENGTH:
        return None
    return "/".join(parts)


def _printable(name: str) -> str:
    """The name with control and formatting characters replaced, which could break a line or change its direction."""
    name = unicodedata.normalize("NFC", name)
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in name)


def _read_single(name: str, stream: BinaryIO, limits: UploadLimits) -> UploadItem:
    shown = clean_name(name) or _printable(name)[-60:] or "unnamed"
    stream.seek(0)
    content = stream.read(limits.image_bytes + 1)
    head = content[:HEAD_BYTES]
    if is_archive_name(shown):
        return UploadItem(shown, reason="an archive of a kind that is not read: unpack it, or pack it as a .zip")
    if not (looks_like_image(shown) or has_signature(head)):
        return UploadItem(shown, reason=format_reason(shown, head) if content else "empty file")
    if len(content) > limits.image_bytes:
        return UploadItem(shown, reason=file_too_large(stream.seek(0, io.SEEK_END), limits.image_bytes))
    return UploadItem(shown, content)


def _read_members(archive: str, stream: BinaryIO, limits: UploadLimits) -> Iterator[UploadItem]:
    archive = clean_name(archive) or "archive.zip"
    try:
        size = _check_size(stream, limits)
        with zipfile.ZipFile(stream) as zip_file:
            budget = min(limits.total_bytes, max(limits.small, limits.growth * size))
            members = zip_file.infolist()
            if reason := _unsupported_methods(members):
                yield UploadItem(archive, reason=reason)
            for member, name in zip(members, member_names(members), strict=True):
                supported = member.compress_type in _METHODS
                item = _read_member(zip_file, member, name, limits, budget) if supported else None
                if item:
                    yield item
                # Members that were refused by name or size were not unpacked, and cost nothing.
                if item and (item.content or item.reason.startswith(_DAMAGED)):
                    budget -= member.file_size
    except _Stop as stop:
        yield UploadItem(archive, reason=str(stop))
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, OverflowError):
        yield UploadItem(archive, reason="damaged archive: it cannot be opened")


def _check_size(stream: BinaryIO, limits: UploadLimits) -> int:
    """The archive's size in bytes. Raises _Stop for too many members, counted by signature: the stated number may be false."""
    stream.seek(0)
    size, members, tail = 0, 0, b""
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        members += (tail + chunk).count(_MEMBER)
        tail = chunk[-len(_MEMBER) + 1 :]  # a signature may span two chunks
        if members > limits.members:
            raise _Stop(f"too many files in the archive: the limit is {limits.members:,}")
    return size


def _unsupported_methods(members: Sequence[zipfile.ZipInfo]) -> str:
    """A sentence about files with an unsupported compression method; "" where there are none."""
    others = [member.compress_type for member in members if member.compress_type not in _METHODS and not member.is_dir()]
    if not others:
        return ""
    names = " and ".join(sorted({_OTHER_METHODS.get(method, f"method {method}") for method in others}))
    files = "file is" if len(others) == 1 else "files are"
    return f"{len(others):,} {files} compressed with {names}, which is not read: pack the archive again with the usual Deflate"


def _read_member(
    zip_file: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, limits: UploadLimits, budget: int
) -> UploadItem | None:
    """The member as an item; None for folders and for system files. Raises _Stop where it would exceed the budget of bytes."""
    name = clean_name(path)
    parts = (name or "").lower().split("/")
    if member.is_dir() or not _NOISE.isdisjoint(parts) or parts[-1].startswith("._"):
        return None
    if name is None:
        return UploadItem(_printable(path)[-60:], reason="its path leads out of the archive")
    if reason := _refusal(name, member, limits):
        return UploadItem(name, reason=reason)
    if member.file_size > budget:
        raise _Stop("it unpacks to far more than its own size: the rest of it is left out")
    try:
        with zip_file.open(member) as file:
            head = file.read(HEAD_BYTES)
            if not (looks_like_image(name) or has_signature(head)):
                return UploadItem(name, reason="not an image")
            return UploadItem(name, head + file.read(limits.image_bytes - len(head)))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        return UploadItem(name, reason=f"{_DAMAGED} ({str(error)[:80] or type(error).__name__})")


def _refusal(name: str, member: zipfile.ZipInfo, limits: UploadLimits) -> str:
    """Why a member is not read, as far as its name and entry show; "" where nothing speaks against it."""
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link, not an image"
    if is_archive_name(name):
        return "an archive in an archive: unpack it first"
    if "." in name.rpartition("/")[2] and not looks_like_image(name):
        return "not an image by its name"
    if member.flag_bits & _ENCRYPTED:
        return "encrypted with a password"
    if member.file_size > limits.image_bytes:
        return file_too_large(member.file_size, limits.image_bytes)
    return ""
