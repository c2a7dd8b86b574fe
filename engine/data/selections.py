"""Sets of images that a person selected (a lasso on the map), stored beside the catalog under a key for addresses."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engine.core.errors import DiskError
from engine.core.files import replace_file, trim_folder

_MAX_BYTES = 64 << 20  # per catalog: the least recently used selections are removed
_HELD = 16  # selections in memory
_cache: dict[Path, np.ndarray] = {}


def save_selection(catalog: Path, ids: Iterable[int]) -> str:
    """Save a set of ids and return its key; equal sets have equal keys."""
    selected = np.unique(np.fromiter(ids, np.int64))
    key = hashlib.blake2b(selected.tobytes(), digest_size=8).hexdigest()
    file = _file(catalog, key)
    if not file.is_file():
        try:
            with replace_file(file, needed=selected.nbytes) as temporary, open(temporary, "wb") as sink:
                np.save(sink, selected)
            trim_folder(file.parent, _MAX_BYTES)
        except DiskError:
            _remember(file, selected)
    return key


def _remember(file: Path, selected: np.ndarray) -> None:
    """Keep the selection in this process, because the disk refused it; only the last few are kept."""
    _cache[file] = selected
    while len(_cache) > _HELD:
        _cache.pop(next(iter(_cache)))


def load_selection(catalog: Path, key: str) -> np.ndarray | None:
    """The ids of a saved selection, ascending; None where there is none under this key."""
    try:
        return np.load(_file(catalog, key)) if re.fullmatch(r"[0-9a-f]{16}", key) else None
    except (OSError, ValueError, EOFError):
        return _cache.get(_file(catalog, key))


def _file(catalog: Path, key: str) -> Path:
    return catalog.parent / "selections" / f"{key}.npy"
