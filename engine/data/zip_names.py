"""The intended names of a zip's members: few programs set the flag that declares their encoding."""

import re
import zipfile
from collections.abc import Sequence

_UTF8 = 0x800  # the flag of a UTF-8 name
# Characters of Japanese names: kana, kanji, full-width letters and punctuation.
_JAPANESE_RUN = re.compile("[^\\x00-\\x7f]+")
_JAPANESE_WORD = re.compile("[^\\x00-\\x7f]{2,}|(?<![A-Za-z\\x80-\\U0010ffff])[^\\x00-\\x7f](?![A-Za-z\\x80-\\U0010ffff])")
_JAPANESE = re.compile("[\x20-\x7e\u3000-\u30ff\u4e00-\u9fff\uff01-\uff9f\u2010-\u203b]*")


def member_names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The members' paths, in order. An archive has one writer, so all names that are not UTF-8 get the same encoding."""
    raw = [None if member.flag_bits & _UTF8 else _raw(member) for member in members]
    encoding = _encoding([name for name in raw if name is not None and not _is_valid(name, "utf-8")])
    return [
        member.filename if name is None else name.decode("utf-8" if _is_valid(name, "utf-8") else encoding)
        for member, name in zip(members, raw, strict=True)
    ]


def _raw(member: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name, which `zipfile` decodes as cp437; None where it must have decoded them otherwise."""
    try:
        return member.filename.encode("cp437")
    except UnicodeError:
        return None


def _encoding(names: Sequence[bytes]) -> str:
    """Shift-JIS (as on Windows: cp932) where that makes the names Japanese; else cp437, as the format specifies.

    A European name may be valid Shift-JIS by chance: an accented vowel and the letter after it then make one Japanese character
    amid Latin letters, while Japanese words have several characters or stand alone.
    """
    if not all(_is_valid(name, "cp932") and _JAPANESE.fullmatch(name.decode("cp932")) for name in names):
        return "cp437"
    text = "\n".join(name.decode("cp932") for name in names)
    words = len(_JAPANESE_WORD.findall(text))
    return "cp932" if words > len(_JAPANESE_RUN.findall(text)) - words else "cp437"


def _is_valid(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeError:
        return False
    return True
