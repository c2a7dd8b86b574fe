"""A home that version 0.1.0 wrote, before the engine was divided into packages."""

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

_ARCHIVE = Path(__file__).with_name("old_home.zip")
_WRITTEN_AT = "/srv/scenescope"


def unpack_old_home(home: Path) -> Path:
    """Unpack the archive into `home`, as if it had been written there."""
    with zipfile.ZipFile(_ARCHIVE) as archive:
        archive.extractall(home)
    description = home / "data" / "scenes" / "dataset.json"
    description.write_text(description.read_text().replace(_WRITTEN_AT, str(home)))
    with closing(sqlite3.connect(home / "data" / "scenes" / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE meta SET value = replace(value, ?, ?) WHERE key = 'root'", (_WRITTEN_AT, str(home)))
    return home
