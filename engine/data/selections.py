"""Sets of images that a person selected (a lasso on the map), stored beside the catalog under a key for addresses."""

import hashlib
import re
from collections.abc import Hashable, Iterable
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from engine.core.errors import DiskError
from engine.core.file_stamp import file_stamp
from engine.core.files import replace_file, trim_folder

_MAX_BYTES = 64 << 20  # per catalog: the least recently used selections are removed
_HELD = 16  # selections in memory, because the disk refused them
_unsaved: LRUCache[Path, np.ndarray] = LRUCache(_HELD)


def save_selection(catalog: Path, ids: Iterable[int]) -> str:
    """Save a set of ids and return its key; equal sets have equal keys."""
    selected = np.unique(np.fromiter(ids, np.int64))
    key = hashlib.blake2b(selected.tobytes(), digest_size=8).hexdigest()
    file = _file(catalog, key)
    if _read(file) is None:  # missing or damaged
        try:
            with replace_file(file, needed=selected.nbytes) as temporary, open(temporary, "wb") as sink:
                np.save(sink, selected)
            trim_folder(file.parent, _MAX_BYTES)
        except DiskError:
            _unsaved[file] = selected
    return key


def load_selection(catalog: Path, key: str) -> np.ndarray | None:
    """The ids of a saved selection, ascending; None where there is none under this key."""
    file = _file(catalog, key)
    selected = _read(file)
    return selected if selected is not None else _unsaved.get(file)


def selection_stamp(catalog: Path, key: str) -> Hashable:
    """Changes whenever `load_selection` does."""
    file = _file(catalog, key)
    return file_stamp(file), file in _unsaved


def _read(file: Path) -> np.ndarray | None:
    try:
        return np.load(file)
    except (OSError, ValueError, EOFError):
        return None


def _file(catalog: Path, key: str) -> Path:
    # A key comes from an address: any other text could lead out of the folder. No selection has the name that stands for it.
    return catalog.parent / "selections" / (f"{key}.npy" if re.fullmatch(r"[0-9a-f]{16}", key) else "none")
