"""The catalog's values as arrays: a memory-mapped Arrow file beside the catalog, one entry per image.

A condition scans arrays (1 to 2 ms per column at a million images), where SQLite would read every row. The file is rebuilt when
the catalog has changed (its `generation`), and can be removed at any time.
"""

import contextlib
import json
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from cachetools import LRUCache

from engine.core.errors import DiskError
from engine.core.files import replace_file
from engine.data.class_names import sort_naturally
from engine.data.label_overlay import EDITS
from engine.data.layouts import SPLITS
from engine.data.properties import MEASURED, PROPERTIES

Connect = Callable[[], AbstractContextManager[sqlite3.Connection]]

STATES = ("ok", "quarantined", "missing", "ignored", "excluded")
_SELECT = (
    f"SELECT id, state, split, class, hash, path, edited, width, height, bytes, {', '.join(MEASURED)} FROM images ORDER BY id"
)
_CHUNK = 50_000
_FORMAT = "4"  # raised with every change of the file's content: files of another format are rebuilt
_MAX_CACHED = 4  # catalogs whose columns a process holds


class Columns:
    """`ids`: (n,) int64, ascending; `state`, `split`, `edit` (n,) int8 into STATES, SPLITS and EDITS; `label` (n,) int32 into `names`.

    -1 stands for none.
    """

    def __init__(self, table: pa.Table) -> None:
        metadata = table.schema.metadata or {}
        self.generation = metadata[b"generation"].decode()
        self.format = metadata[b"format"].decode()
        self.names: tuple[str, ...] = tuple(json.loads(metadata[b"names"]))
        # A single chunk stays memory-mapped; combining chunks would copy them into memory.
        self._columns = {
            name: column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
        names = ("id", "state", "split", "label", "edited")
        self.ids, self.state, self.split, self.label, self.edit = map(self._array, names)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of each class: its index in `names`."""
        return {name: i for i, name in enumerate(self.names)}

    def class_codes(self, names: Iterable[str]) -> list[int]:
        """The codes of these classes; unknown ones are left out."""
        return [self.codes[name] for name in names if name in self.codes]

    @property
    def paths(self) -> pa.StringArray:
        """The paths, converted by `to_search_text`."""
        return self._columns["path"]

    def values(self, name: str) -> np.ndarray:
        """One property of every image: (n,) float32, NaN where it is unknown. Raises KeyError for an unknown property."""
        return self._array(PROPERTIES[name].name)

    def contents(self, positions: np.ndarray) -> list[str]:
        """The content hashes of the images at `positions`, "" for files that were not read."""
        raw = self._hashes()[positions]
        return [content.hex() if any(content) else "" for content in map(bytes, raw)]

    def marks(self, positions: np.ndarray) -> np.ndarray:
        """The first 64 bits of the content hashes, (n,) uint64: enough to see that an image was rewritten."""
        return self._hashes()[positions, :8].copy().view(">u8")[:, 0].astype(np.uint64)

    def sorted_positions(self, order: str) -> np.ndarray:
        """All positions sorted by a property or the `path`; images without a value come last."""
        return self._array(f"by {order}")

    def _hashes(self) -> np.ndarray:
        return np.frombuffer(self._columns["hash"].buffers()[1], np.uint8).reshape(-1, 16)

    def _array(self, name: str) -> np.ndarray:
        return self._columns[name].to_numpy(zero_copy_only=True)


def content_mark(content: str) -> int:
    """The first 64 bits of a content's hash."""
    return int(content[:16], 16)


def find_unchanged(
    ids: np.ndarray, marks: np.ndarray, known: np.ndarray, known_marks: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Where `ids` are among the `known` ids (ascending) with the same content: (n,) row numbers, -1 for one that is gone or was rewritten.

    `known_marks`: the marks of the contents at given rows. The one join of what was computed for images with images as they are now.
    """
    if not len(known):
        return np.full(len(ids), -1)
    rows = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where((known[rows] == ids) & (known_marks(rows) == marks), rows, -1)


def to_search_text(text: str) -> str:
    """The text in lower case with composed accents (a Mac decomposes them), for searching."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


_cache: LRUCache[Path, Columns] = LRUCache(_MAX_CACHED)
_lock = threading.Lock()


def load(catalog: Path, generation: str, connect: Connect) -> Columns:
    """The columns of `catalog` at its `generation`; rebuilt where the file is missing, damaged or of another generation."""
    with _lock:
        columns = _cache.get(catalog)
        if columns is None or columns.generation != generation:
            columns = _cache[catalog] = _open(catalog, generation) or build(catalog, connect)
        return columns


def _open(catalog: Path, generation: str) -> Columns | None:
    with contextlib.suppress(OSError, pa.ArrowInvalid, KeyError, ValueError):
        columns = Columns(_map_table(_file(catalog)))
        if columns.generation == generation and columns.format == _FORMAT:
            return columns
    return None


def build(catalog: Path, connect: Connect) -> Columns:
    """Write the columns of `catalog` as it is now, and open them; where the disk cannot be written, they stay in memory."""
    with connect() as connection:
        connection.execute("BEGIN")  # all queries see the same state of the catalog
        generation = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0]
        distinct = connection.execute("SELECT DISTINCT class FROM images WHERE class IS NOT NULL")
        names = sort_naturally(row[0] for row in distinct)
        table = _read(connection, {name: i for i, name in enumerate(names)})
    metadata = {"generation": generation, "format": _FORMAT, "names": json.dumps(names)}
    table = table.replace_schema_metadata(metadata)
    try:
        with (
            replace_file(_file(catalog), needed=table.nbytes) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as file,
        ):
            file.write_table(table)
    except DiskError:
        return Columns(table)
    return Columns(_map_table(_file(catalog)))


def _map_table(file: Path) -> pa.Table:
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()


def _file(catalog: Path) -> Path:
    return catalog.with_suffix(".columns.arrow")


def _read(connection: sqlite3.Connection, codes: dict[str, int]) -> pa.Table:
    cursor = connection.execute(_SELECT)
    batches = []
    while rows := cursor.fetchmany(_CHUNK):
        batches.append(_batch(rows, codes))
    table = pa.Table.from_batches(batches or [_batch([], codes)]).combine_chunks()
    # Sorting takes a fifth of a second per property at a million images: too long for a click, so it is done here.
    ordered = np.fromiter((row[0] for row in connection.execute("SELECT id FROM images ORDER BY path")), np.int64, len(table))
    orders = {"path": np.searchsorted(table["id"].to_numpy(), ordered)}
    orders |= {name: np.argsort(table[name].to_numpy(), kind="stable") for name in PROPERTIES}
    for name, positions in orders.items():
        table = table.append_column(f"by {name}", pa.array(positions.astype(np.int32)))
    return table


def _batch(rows: list[tuple], codes: dict[str, int]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 14
    ids, states, splits, labels, hashes, paths, edits = columns[:7]
    width, height, size, *measured = (np.array(column, np.float32) for column in columns[7:])
    with np.errstate(invalid="ignore"):
        numbers = [width, height, np.maximum(width, height), width / height, size, *measured]
    arrays = {
        "id": pa.array(ids, pa.int64()),
        "state": pa.array([STATES.index(state) for state in states], pa.int8()),
        "split": pa.array([SPLITS.index(split) if split else -1 for split in splits], pa.int8()),
        "edited": pa.array([EDITS.index(edit) if edit else -1 for edit in edits], pa.int8()),
        "label": pa.array([codes.get(label, -1) for label in labels], pa.int32()),
        "hash": pa.array([bytes.fromhex(content or "00" * 16) for content in hashes], pa.binary(16)),
        "path": pa.array(map(to_search_text, paths), pa.large_string()),
    }
    numbers = dict(zip(PROPERTIES, map(pa.array, numbers), strict=True))
    return pa.RecordBatch.from_pydict(arrays | numbers)
