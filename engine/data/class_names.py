"""Comparison of class names: normalized accents, natural order, and names that differ only in spelling."""

import re
import unicodedata
from collections.abc import Iterable

_DIGITS = re.compile(r"([0-9]+)")


def normalize_name(name: str) -> str:
    """The name with composed accents (NFC): zip archives made on a Mac have them decomposed, and both mean one class."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def natural_key(name: str) -> tuple:
    """A sort key by which 2 comes before 10: runs of digits compare as numbers, everything else by code point."""
    parts = _DIGITS.split(name)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


def sort_naturally(names: Iterable[str]) -> list[str]:
    """The names sorted by `natural_key`."""
    return sorted(names, key=natural_key)


def find_other_spelling(name: str, classes: Iterable[str]) -> str | None:
    """The class that differs from `name` only in case, accents, spaces or punctuation; None where there is none."""
    letters = _letters(name)
    return next((other for other in classes if other != name and letters and _letters(other) == letters), None)


def spelling_hint(names: Iterable[str], classes: Iterable[str]) -> str:
    """A sentence for each name that may be a class in another spelling; "" where there is none."""
    classes = list(classes)
    pairs = [(name, other) for name in names if (other := find_other_spelling(name, classes))]
    return " ".join(f"{name!r} may be the class {other!r}: give the folder the same name." for name, other in pairs[:5])


def index_by_normalized_name(classes: Iterable[str]) -> dict[str, str]:
    """Each class by its normalized name, for comparison with the names of folders and uploads."""
    return {normalize_name(name): name for name in classes}


def _letters(name: str) -> str:
    """The letters and digits of a name, without case and accents."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in decomposed if letter.isalnum())
