"""Derives a dataset's name from its folder's: lower case, ASCII, with a number where another folder has the name."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

MAX_LENGTH = 64
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
    """Whether this is a valid name for a dataset."""
    return re.fullmatch(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_LENGTH - 1}}}", name) is not None


def name_of_folder(source: str, roots: Mapping[str, Path]) -> str:
    """The name for the folder `source`; `roots`: the roots of the registered datasets by name.

    A name that keeps every letter of the folder's name is returned even where another dataset has it, and registering it then
    fails with an error. Where letters were lost, different folders get the same name, so the next free number is appended.
    """
    last = source.rstrip("/").split("/")[-1]
    folder = Path(source).expanduser().resolve()
    text = folder.name if last in ("", ".", "..", "~") else last
    # Earlier versions dropped every letter outside ASCII: a dataset that was added then keeps its name.
    earlier = _to_dashes(text) or _FALLBACK
    if _is_inside(roots.get(earlier), folder):
        return earlier
    name = (_to_dashes(_to_ascii(text)) or _FALLBACK)[:MAX_LENGTH].rstrip("-._")
    is_complete = text.isascii() and len(text) <= MAX_LENGTH and _to_dashes(text)
    return name if is_complete else _append_number(name, folder, roots)


def _append_number(name: str, folder: Path, roots: Mapping[str, Path]) -> str:
    number, candidate = 1, name
    while candidate in roots and not _is_inside(roots[candidate], folder):
        number += 1
        candidate = f"{name[: MAX_LENGTH - 1 - len(str(number))]}-{number}"
    return candidate


def _is_inside(root: Path | None, folder: Path) -> bool:
    """Whether a dataset's root is the folder or inside it (as where the folder only wraps another one)."""
    return root is not None and root.is_relative_to(folder)


def _to_dashes(text: str) -> str:
    """The text in lower case, with a dash for each run of characters that a name cannot contain."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")


def _to_ascii(text: str) -> str:
    """Letters without accents, Cyrillic and Greek transliterated; other scripts stay, and `_to_dashes` drops them."""
    latin = unicodedata.normalize("NFC", text.lower()).translate(_LETTERS)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(letter))
    return plain.translate(_LETTERS)
