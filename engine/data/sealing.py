"""What a catalog says of its rows as a whole: its generation, its fingerprint, and which of them cannot be learnt."""

import hashlib
import secrets
import sqlite3

UNLEARNABLE = "its class has no training images"


def touch(connection: sqlite3.Connection) -> None:
    """Give the catalog a new generation; in the transaction that changed its rows."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", (secrets.token_hex(8),))


def seal(connection: sqlite3.Connection) -> str:
    """Write and return the fingerprint."""
    digest = digest_of(connection)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (digest,))
    return digest


def digest_of(connection: sqlite3.Connection) -> str:
    """A hash over the content, class and split of every image in use."""
    digest = hashlib.blake2b(digest_size=16)
    for row in connection.execute("SELECT hash, class, split FROM images WHERE state = 'ok' ORDER BY hash, class, split, path"):
        digest.update(repr(row).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def unseal(connection: sqlite3.Connection) -> None:
    """Forget the fingerprint, which is made again when somebody asks: two seconds at a million rows are too long for a click."""
    connection.execute("DELETE FROM meta WHERE key = 'fingerprint'")


def take_back_unlearnable(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE images SET state = 'ok', reason = '' WHERE state = 'quarantined' AND reason = ?", (UNLEARNABLE,))


def put_aside_unlearnable(connection: sqlite3.Connection) -> None:
    """Put the images aside that score a class of which there is nothing to learn."""
    connection.execute(
        "UPDATE images SET state = 'quarantined', reason = ? WHERE state = 'ok' AND split IN ('validation', 'test') "
        "AND class NOT IN (SELECT class FROM images WHERE state = 'ok' AND split = 'train')",
        (UNLEARNABLE,),
    )
