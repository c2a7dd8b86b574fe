"""Caches of what was computed from image contents: a table by content hash in one SQLite file."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from engine.core.database import explain_database_errors, open_for_reading, open_for_writing
from engine.core.errors import DiskError
from engine.core.files import remove
from engine.core.paths import cache_dir

_BATCH = 500  # values per query


class ContentCache:
    """Rows of blobs by content hash, in the named `table` and `columns` of `file`. Several processes may read and write at once."""

    def __init__(self, file: Path, table: str, columns: Sequence[str]) -> None:
        self.file, self._table, self._columns = file, table, tuple(columns)

    def get(self, contents: Iterable[str], *columns: str) -> Iterator[tuple]:
        """Yield (content, value of each of the `columns`) for each cached content, in no order; all columns by default."""
        if not self.file.is_file():
            return
        unique = list(dict.fromkeys(contents))
        selected = ", ".join(("content", *(columns or self._columns)))
        connection = open_for_reading(self.file)
        with contextlib.closing(connection), explain_database_errors(self.file):
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (self._table,)).fetchone():
                return
            for start in range(0, len(unique), _BATCH):
                batch = unique[start : start + _BATCH]
                query = f"SELECT {selected} FROM {self._table} WHERE content IN ({','.join('?' * len(batch))})"
                yield from connection.execute(query, batch)

    def cached_contents(self, contents: Iterable[str]) -> set[str]:
        """The contents that have a row."""
        return {content for content, *_ in self.get(contents, "1")}

    def put(self, rows: Iterable[tuple]) -> bool:
        """Save rows of (content, value of each column); False where the disk refused them, as a cache is never required."""
        places = ", ".join("?" * (len(self._columns) + 1))
        try:
            with open_for_writing(self.file, self._prepare) as connection:
                connection.executemany(f"INSERT OR REPLACE INTO {self._table} VALUES ({places})", rows)
        except DiskError:
            return False
        return True

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for a writer
        columns = ", ".join(f"{column} BLOB NOT NULL" for column in self._columns)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {self._table} (content TEXT PRIMARY KEY, {columns})")


def forget_contents(contents: Sequence[str]) -> None:
    """Remove everything cached for these contents, because a newer decoder gives them different pixels."""
    if not contents:
        return
    for folder, table in (("embeddings", "vectors"), ("audit", "looks")):
        for file in cache_dir(folder).glob("*.sqlite"):
            with open_for_writing(file) as connection:
                # A file without this table is another kind of cache.
                if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone():
                    connection.executemany(f"DELETE FROM {table} WHERE content = ?", [(content,) for content in contents])
    for content in contents:
        for thumbnail in cache_dir("thumbnails").glob(f"*/{content}-*"):
            remove(thumbnail)
    # A pixel cache is named by all of its contents together, so any of them may contain one of these.
    for pixels in cache_dir("pixels").glob("*.npy"):
        remove(pixels)


def embedding_cache(key: str) -> ContentCache:
    """The cached embeddings of one backbone with one set of weights; `key`: `engine.embeddings.extract.cache_key`."""
    return ContentCache(cache_dir("embeddings") / f"{key}.sqlite", "vectors", ["vector"])
