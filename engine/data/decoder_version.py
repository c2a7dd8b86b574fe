"""The version of the decoder: the next scan reads files again that an earlier version refused or decoded differently."""

import os
import sqlite3

# 2: more than 8 bits of grey, colour keys, JPEGs without an end mark or above 100 megapixels; the size of rotated TIFFs.
VERSION = 2
# Formats that all versions decode alike where they can read them at all.
_UNCHANGED = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_PROPERTIES = ("brightness", "contrast", "sharpness", "colourfulness")


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether the catalog was filled by an earlier version."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'decoder'").fetchone()
    return row is None or row[0] != str(VERSION)


def may_differ(path: str, was_read: bool) -> bool:
    """Whether this version may decode an unchanged file differently. `was_read`: whether an earlier one could read it."""
    return not was_read or os.path.splitext(path)[1].lower() not in _UNCHANGED  # noqa: PTH122 (a million names per scan)


def changed_contents(connection: sqlite3.Connection) -> list[str]:
    """Contents whose measurements in `readings` differ from the catalog's: what was computed from them is outdated."""
    differs = " OR ".join(f"abs(readings.{name} - images.{name}) > 1e-6" for name in _PROPERTIES)
    query = (
        f"SELECT DISTINCT images.hash FROM readings JOIN images USING (path) WHERE readings.hash = images.hash AND ({differs})"
    )
    return [content for (content,) in connection.execute(query)]


def note_version(connection: sqlite3.Connection) -> None:
    """Record that this version has read the catalog's files."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('decoder', ?)", (str(VERSION),))
