"""What was computed of image contents, kept: a table by content hash in one SQLite file, committed as it goes."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from engine.core.database import explain_database_errors, open_for_reading, open_for_writing
from engine.core.errors import DiskError
from engine.core.files import remove
from engine.core.paths import cache_dir

_ASKED = 500  # values in one question to SQLite


class ContentCache:
    """Rows of blobs by content: `table` with the `columns` named, in `file`. Several processes may read and write it at once."""

    def __init__(self, file: Path, table: str, columns: Sequence[str]) -> None:
        self.file, self._table, self._columns = file, table, tuple(columns)

    def get(self, contents: Iterable[str], *columns: str) -> Iterator[tuple]:
        """(content, value of each of the `columns`, or of all) of each content that is known, in no order."""
        if not self.file.is_file():
            return
        wanted = list(dict.fromkeys(contents))
        chosen = ", ".join(("content", *(columns or self._columns)))
        connection = open_for_reading(self.file)
        with contextlib.closing(connection), explain_database_errors(self.file):
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (self._table,)).fetchone():
                return
            for start in range(0, len(wanted), _ASKED):
                asked = wanted[start : start + _ASKED]
                query = f"SELECT {chosen} FROM {self._table} WHERE content IN ({','.join('?' * len(asked))})"
                yield from connection.execute(query, asked)

    def known(self, contents: Iterable[str]) -> set[str]:
        """Those of the contents that have a row."""
        return {content for content, *_ in self.get(contents, "1")}

    def put(self, rows: Iterable[tuple]) -> bool:
        """Keep rows of (content, value of each column); whether the disk has taken them."""
        places = ", ".join("?" * (len(self._columns) + 1))
        try:
            with open_for_writing(self.file, self._prepare) as connection:
                connection.executemany(f"INSERT OR REPLACE INTO {self._table} VALUES ({places})", rows)
        except DiskError:
            return False
        return True

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        columns = ", ".join(f"{column} BLOB NOT NULL" for column in self._columns)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {self._table} (content TEXT PRIMARY KEY, {columns})")


def forget_contents(contents: Sequence[str]) -> None:
    """Remove all that caches hold of these contents: their pixels are decoded otherwise now."""
    if not contents:
        return
    for folder, table in (("embeddings", "vectors"), ("audit", "looks")):
        for file in cache_dir(folder).glob("*.sqlite"):
            with open_for_writing(file) as connection:
                # A file without this table is the cache of something else.
                if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone():
                    connection.executemany(f"DELETE FROM {table} WHERE content = ?", [(content,) for content in contents])
    for content in contents:
        for thumbnail in cache_dir("thumbnails").glob(f"*/{content}-*"):
            remove(thumbnail)
    # They are named by all of their contents together.
    for pixels in cache_dir("pixels").glob("*.npy"):
        remove(pixels)


def embedding_cache(key: str) -> ContentCache:
    """The cached embeddings of one backbone, with one set of weights (`engine.embeddings.extract.cache_key`)."""
    return ContentCache(cache_dir("embeddings") / f"{key}.sqlite", "vectors", ["vector"])
