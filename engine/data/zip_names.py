"""The names of a zip's members as their writer meant them: few systems set the flag that says how they are written."""

import re
import zipfile
from collections.abc import Sequence

_UTF8 = 0x800  # the flag
# What Japanese names are made of: kana, kanji, wide letters and signs.
_JAPANESE_RUN = re.compile("[^\\x00-\\x7f]+")
_JAPANESE_WORD = re.compile("[^\\x00-\\x7f]{2,}|(?<![A-Za-z\\x80-\\U0010ffff])[^\\x00-\\x7f](?![A-Za-z\\x80-\\U0010ffff])")
_JAPANESE = re.compile("[\x20-\x7e\u3000-\u30ff\u4e00-\u9fff\uff01-\uff9f\u2010-\u203b]*")


def member_names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The paths of the members, in their order. One archive has one writer: names that are no UTF-8 are all read alike."""
    raw = [None if member.flag_bits & _UTF8 else _raw(member) for member in members]
    encoding = _encoding([name for name in raw if name is not None and not _reads(name, "utf-8")])
    return [
        member.filename if name is None else name.decode("utf-8" if _reads(name, "utf-8") else encoding)
        for member, name in zip(members, raw, strict=True)
    ]


def _raw(member: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name, which `zipfile` reads as cp437; None where it cannot have read them so."""
    try:
        return member.filename.encode("cp437")
    except UnicodeError:
        return None


def _encoding(names: Sequence[bytes]) -> str:
    """Shift-JIS (as Windows has it) where that makes the names Japanese; else what the format says, cp437.

    A European name may be valid Shift-JIS by chance: a vowel with an accent and the letter after it then make one Japanese sign amid
    Latin letters, where Japanese words have several signs or stand alone.
    """
    if not all(_reads(name, "cp932") and _JAPANESE.fullmatch(name.decode("cp932")) for name in names):
        return "cp437"
    text = "\n".join(name.decode("cp932") for name in names)
    words = len(_JAPANESE_WORD.findall(text))
    return "cp932" if words > len(_JAPANESE_RUN.findall(text)) - words else "cp437"


def _reads(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeError:
        return False
    return True
