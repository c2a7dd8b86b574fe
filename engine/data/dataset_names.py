"""The name of a dataset, made from its folder's: lower case, in ASCII, with a number where other folders have taken it."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

LONGEST = 64
_FALLBACK = "dataset"
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y", "к": "k", "л": "l",
    "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u",
    "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "ђ": "dj", "џ": "dz",
}  # fmt: skip
_GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l", "μ": "m", "ν": "n",
    "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_LATIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
_LETTERS = str.maketrans(_CYRILLIC | _GREEK | _LATIN)


def is_name(name: str) -> bool:
    """Whether a dataset can have this name."""
    return re.fullmatch(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST - 1}}}", name) is not None


def name_of_folder(source: str, taken: Mapping[str, Path]) -> str:
    """The name for the folder `source`; `taken`: the roots of the registered datasets by their names.

    A name that says all that the folder's says is answered even where it is taken: that is an error to be told. Where letters
    were lost, folders that differ become alike, and the next free number tells them apart.
    """
    last = source.rstrip("/").split("/")[-1]
    folder = Path(source).expanduser().resolve()
    text = folder.name if last in ("", ".", "..", "~") else last
    earlier = _dashed(text) or _FALLBACK  # what earlier versions made of it
    if _is_of(taken.get(earlier), folder):
        return earlier
    name = (_dashed(_in_ascii(text)) or _FALLBACK)[:LONGEST].rstrip("-._")
    told_apart = text.isascii() and len(text) <= LONGEST and _dashed(text)
    return name if told_apart else _numbered(name, folder, taken)


def _numbered(name: str, folder: Path, taken: Mapping[str, Path]) -> str:
    number, candidate = 1, name
    while candidate in taken and not _is_of(taken[candidate], folder):
        number += 1
        candidate = f"{name[: LONGEST - 1 - len(str(number))]}-{number}"
    return candidate


def _is_of(root: Path | None, folder: Path) -> bool:
    """Whether a dataset's root is the folder, or lies in it (a lone folder inside was stepped into)."""
    return root is not None and root.is_relative_to(folder)


def _dashed(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")


def _in_ascii(text: str) -> str:
    """Letters without their accents, Cyrillic and Greek in Latin letters; what has none of these is left out by `_dashed`."""
    latin = unicodedata.normalize("NFC", text.lower()).translate(_LETTERS)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(letter))
    return plain.translate(_LETTERS)
