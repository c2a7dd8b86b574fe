"""Sets of images that a person picked out (a lasso on the map), kept beside the catalog under a word that an address can hold."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engine.core.errors import DiskError
from engine.core.files import replace_file, trim_folder

_MAXIMUM = 64 << 20  # bytes of selections a catalog: the least recently used go
_HELD = 16  # selections in memory
_held: dict[Path, np.ndarray] = {}


def save_selection(catalog: Path, ids: Iterable[int]) -> str:
    """The word for this set of ids; the same set has the same word."""
    chosen = np.unique(np.fromiter(ids, np.int64))
    word = hashlib.blake2b(chosen.tobytes(), digest_size=8).hexdigest()
    file = _file(catalog, word)
    if not file.is_file():
        try:
            with replace_file(file, needed=chosen.nbytes) as temporary, open(temporary, "wb") as sink:
                np.save(sink, chosen)
            trim_folder(file.parent, _MAXIMUM)
        except DiskError:
            _remember(file, chosen)
    return word


def _remember(file: Path, chosen: np.ndarray) -> None:
    """Keep it in this process, where the disk cannot: until the server ends, and as long as there are few."""
    _held[file] = chosen
    while len(_held) > _HELD:
        _held.pop(next(iter(_held)))


def load_selection(catalog: Path, word: str) -> np.ndarray | None:
    """The ids behind `word`, rising; None where it is not kept here."""
    try:
        return np.load(_file(catalog, word)) if re.fullmatch(r"[0-9a-f]{16}", word) else None
    except (OSError, ValueError, EOFError):
        return _held.get(_file(catalog, word))


def _file(catalog: Path, word: str) -> Path:
    return catalog.parent / "selections" / f"{word}.npy"
