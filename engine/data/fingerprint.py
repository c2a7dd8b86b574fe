"""The state of a catalog as a whole: its generation, its fingerprint, and images whose class has no training images."""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable

from engine.data.class_names import index_by_normalized_name, normalize_name

# Catalogs store this reason and compare it: a change would need a migration.
UNLEARNABLE = "its class has no training images"


def renew_generation(connection: sqlite3.Connection) -> None:
    """Give the catalog a new generation; call it in the transaction that changes rows."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", (secrets.token_hex(8),))


def write_fingerprint(connection: sqlite3.Connection) -> str:
    """Compute, store and return the fingerprint."""
    digest = compute_fingerprint(connection)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (digest,))
    return digest


def compute_fingerprint(connection: sqlite3.Connection) -> str:
    """A hash over the content, class and split of every image in use."""
    return _digest(
        connection.execute("SELECT hash, class, split FROM images WHERE state = 'ok' ORDER BY hash, class, split, path")
    )


def compute_fingerprint_as_spelled(connection: sqlite3.Connection, classes: Iterable[str]) -> str:
    """The fingerprint of the same images if the accents of class names were written as in `classes` (as before normalization)."""
    spellings = index_by_normalized_name(classes)
    rows = connection.execute("SELECT hash, class, split FROM images WHERE state = 'ok'").fetchall()
    renamed = [(content, name and spellings.get(normalize_name(name), name), split) for content, name, split in rows]
    return _digest(
        sorted(renamed, key=lambda row: tuple(("" if part is None else part).encode("utf-8", "backslashreplace") for part in row))
    )


def compute_image_fingerprint(connection: sqlite3.Connection) -> str:
    """A hash over content and split of every image, including excluded ones; label edits do not change it."""
    return _digest(
        connection.execute("SELECT hash, split FROM images WHERE state IN ('ok', 'excluded') ORDER BY hash, split, path")
    )


def _digest(rows: Iterable[tuple]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        # Runs store fingerprints: another way to encode a row would make every dataset look changed.
        digest.update(repr(row).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def clear_fingerprint(connection: sqlite3.Connection) -> None:
    """Drop the stored fingerprint; it is computed again when needed, as two seconds at a million rows are too long for a click."""
    connection.execute("DELETE FROM meta WHERE key = 'fingerprint'")


def restore_unlearnable(connection: sqlite3.Connection) -> None:
    """Undo `quarantine_unlearnable`."""
    connection.execute("UPDATE images SET state = 'ok', reason = '' WHERE state = 'quarantined' AND reason = ?", (UNLEARNABLE,))


def quarantine_unlearnable(connection: sqlite3.Connection) -> None:
    """Quarantine validation and test images of classes that have no training images."""
    connection.execute(
        "UPDATE images SET state = 'quarantined', reason = ? WHERE state = 'ok' AND split IN ('validation', 'test') "
        "AND class NOT IN (SELECT class FROM images WHERE state = 'ok' AND split = 'train')",
        (UNLEARNABLE,),
    )
