"""The version of the decoder: files that an earlier one refused or showed otherwise are read once more by the next scan."""

import os
import sqlite3

# 2: deep greys, colour keys, JPEGs without an end mark or above 100 megapixels; the size of turned TIFFs.
VERSION = 2
_SAME_IN_ALL = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})  # where they could be read at all
_PROPERTIES = ("brightness", "contrast", "sharpness", "colourfulness")


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether the catalog's rows come from an earlier version."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'decoder'").fetchone()
    return row is None or row[0] != str(VERSION)


def may_differ(path: str, was_read: bool) -> bool:
    """Whether this version may make something else of a file that has not changed."""
    return not was_read or os.path.splitext(path)[1].lower() not in _SAME_IN_ALL  # noqa: PTH122 (a million names a scan)


def changed_contents(connection: sqlite3.Connection) -> list[str]:
    """Contents that look otherwise in `readings` than the catalog has it, so that what was computed of them is out of date."""
    differs = " OR ".join(f"abs(readings.{name} - images.{name}) > 1e-6" for name in _PROPERTIES)
    query = (
        f"SELECT DISTINCT images.hash FROM readings JOIN images USING (path) WHERE readings.hash = images.hash AND ({differs})"
    )
    return [content for (content,) in connection.execute(query)]


def note_version(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('decoder', ?)", (str(VERSION),))
