"""Recognizes files and folders by name or first bytes: images, backup copies, recycle bins, pointers, tables of labels."""

import os
import re
from collections.abc import Collection
from pathlib import Path

HEAD_BYTES = 4096
EXTENSIONS = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".ppm", ".jp2",
))  # fmt: skip

_SYSTEM = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "__macosx",
        "@eadir",
        "#snapshot",
        "lost+found",
        "system volume information",
    }
)
_BINS = frozenset({"#recycle", "$recycle.bin", ".trash", ".trashes"})
_BACKUP = re.compile(
    r"(?P<original>.+?)(_original|_exiftool_tmp|~|\.~\d+~|\.bak|\.bkp|\.backup|\.orig|\.old|\.sav|\.save)", re.IGNORECASE
)
_BACKUP_ENDS = ("_original", "_exiftool_tmp", "~", ".bak", ".bkp", ".backup", ".orig", ".old", ".sav", ".save")

# Formats that hold images but are not supported: extension -> name.
_NOT_READ = {
    ".dcm": "DICOM", ".dicom": "DICOM", ".jxl": "JPEG XL", ".psd": "Photoshop", ".psb": "Photoshop", ".svg": "SVG", ".svgz": "SVG",
    ".eps": "PostScript", ".ai": "Illustrator", ".pdf": "PDF", ".xcf": "GIMP", ".kra": "Krita", ".exr": "OpenEXR", ".hdr": "Radiance HDR",
    ".nii": "NIfTI", ".fits": "FITS", ".mha": "MetaImage", ".svs": "whole-slide", ".npy": "NumPy", ".npz": "NumPy",
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw"), "camera raw"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".3gp"), "video"),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"), "archive"),
}  # fmt: skip
READ_FORMATS = "Formats that are read: JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP, JPEG 2000, PPM."

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx")
_TABLE_NAME = re.compile(
    r"_?(train|test|val|valid|validation|labels?|metadata|annotations?|classes|class|ground_?truth|targets?)([_-]?labels?)?"
    r"|.*[_.-](labels?|annotations?|classes|metadata)([_.].*)?|instances_.*|labels?[_.-].*",
    re.IGNORECASE,
)
_TABLE_WORD = re.compile(
    rb"\b(labels?|class(es)?|class_?(id|name)|category|categories|annotations|species|target)\b", re.IGNORECASE
)

_LFS = b"version https://git-lfs.github.com/spec/"
_ANNEX = b"/annex/objects/"

_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ",
)  # fmt: skip


def looks_like_image(path: Path | str) -> bool:
    """Whether the name has an image's extension."""
    return os.path.splitext(path)[1].lower() in EXTENSIONS  # noqa: PTH122 (a million names per scan)


def is_recycle_bin(name: str) -> bool:
    """Whether a folder of this name is a recycle bin."""
    return name.lower() in _BINS or name.lower().startswith(".trash-")


def is_system(name: str) -> bool:
    """Whether a file or folder is hidden or created by an operating system."""
    return name.startswith(".") or name.lower() in _SYSTEM


def is_backup(name: str, siblings: Collection[str]) -> bool:
    """Whether this is an editor's backup of an image among its `siblings`. Without its original it is the image itself."""
    match = _BACKUP.fullmatch(name) if name.lower().endswith(_BACKUP_ENDS) else None
    if match is None:
        return False
    original = match["original"]
    if looks_like_image(original):
        return original in siblings
    # IMG.bak beside IMG.jpg. An image without an extension may well end in "_original".
    return match[2].startswith(".") and any(other.startswith(f"{original}.") and looks_like_image(other) for other in siblings)


def is_archive(name: str) -> bool:
    """Whether the extension is that of an archive."""
    return _NOT_READ.get(os.path.splitext(name)[1].lower()) == "archive"  # noqa: PTH122 (a million names per scan)


def pointer_reason(content: bytes) -> str:
    """Why this content is only a pointer to an image that was not downloaded; "" where it is not."""
    if content.startswith(_LFS):
        return LFS_POINTER
    return ANNEX_LINK if len(content) < 1024 and _ANNEX in content else ""


def broken_link_reason(path: str) -> str:
    """Why a link to a missing file cannot be opened; "" where `path` is not a link."""
    try:
        target = os.readlink(path)  # noqa: PTH115 (a million names per scan)
    except OSError:
        return ""
    return ANNEX_LINK if ".git/annex/" in target.replace("\\", "/") else BROKEN_LINK


# Catalogs store these reasons, and `engine.data.unused_files` compares them: a change would need a migration.
LFS_POINTER = "a pointer of Git LFS: the picture itself was not downloaded"
ANNEX_LINK = "a link of git-annex: the picture itself was not downloaded"
BROKEN_LINK = "a link to a file that is not there"
BACKUP_COPY = "a backup copy that an editor left"
NOT_READ = " is not read"  # after the name of a format
LABEL_TABLE = "looks like a table of labels; reading it is not supported yet"


def format_reason(name: str, head: bytes) -> str:
    """Why a file is not used: its format in words, as far as the name or the first bytes show it."""
    if is_label_table(name, head):
        return LABEL_TABLE
    kind = "DICOM" if head[128:132] == b"DICM" else _NOT_READ.get(os.path.splitext(name)[1].lower())  # noqa: PTH122
    if kind in ("video", "archive"):
        return f"{'an' if kind == 'archive' else 'a'} {kind}, not an image"
    return f"{kind}{NOT_READ}" if kind else "not an image"


def is_label_table(name: str, head: bytes) -> bool:
    """Whether a file looks like a table of the images' classes."""
    stem, extension = os.path.splitext(name.lower())  # noqa: PTH122
    if extension not in _TABLES:
        return False
    return _TABLE_NAME.fullmatch(stem) is not None or _TABLE_WORD.search(head) is not None


def read_head(path: str | Path) -> bytes:
    """The first bytes of a regular file; empty where it cannot be read."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113 (reading a pipe would wait forever)
            return b""
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def is_image(path: str | Path) -> bool:
    """Whether a file is an image by its extension or, where that says nothing, by its first bytes."""
    name = os.path.basename(path)  # noqa: PTH119 (a million names per scan)
    extension = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return looks_like_image(name) or (extension not in _NOT_READ and extension not in _TABLES and has_signature(read_head(path)))


def has_signature(head: bytes) -> bool:
    """Whether the bytes begin like an image in one of the supported formats."""
    if head.startswith(_SIGNATURES):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"heim", b"hevc")
    is_bmp = head[:2] == b"BM" and len(head) > 26 and head[6:10] == b"\0\0\0\0"  # the reserved bytes are zero
    return is_bmp or re.match(rb"P[1-6]\s", head) is not None
