"""A catalog of an earlier version: files that its decoder refused or decoded differently are read again, and no others."""

import numpy as np
import pytest

from engine.core.content_cache import embedding_cache
from engine.data import thumbnails
from engine.data.catalog import Catalog
from engine.data.layouts import detect
from engine.data.scan import scan
from engine.models import pixels


@pytest.fixture
def catalog(home, tmp_path, write_class, paint):
    """Four PNG files and two JPEGs per class, one of the JPEGs without its end mark."""
    for kind in ("forest", "sea"):
        write_class(tmp_path / "set" / kind, kind, 4)
        for name in ("whole", "short"):
            file = tmp_path / "set" / kind / f"{name}.jpg"
            paint(kind, len(name) + len(kind)).save(file)
            file.write_bytes(file.read_bytes()[: None if name == "whole" else -2])
    result = Catalog(tmp_path / "catalog.sqlite", tmp_path / "set")
    scan(result, detect(result.root), seed=0)
    return result


def as_an_earlier_version(catalog):
    """Short JPEGs were refused, and one PNG was black."""
    with catalog.connect() as connection:
        connection.execute("DELETE FROM meta WHERE key = 'decoder'")
        connection.execute("UPDATE images SET state = 'quarantined', reason = 'x', hash = NULL WHERE path LIKE '%short.jpg'")
        connection.execute("UPDATE images SET brightness = 0 WHERE path = 'sea/000.png'")


def rows(catalog):
    return {row.path: row for row in catalog.page()}


def test_a_jpeg_without_an_end_is_used_with_a_note(catalog):
    assert {row.path: row.reason for row in rows(catalog).values() if row.reason} == dict.fromkeys(
        ["forest/short.jpg", "sea/short.jpg"], "its last bytes are missing, but no pixels"
    )
    assert catalog.problems().empty


def test_the_first_scan_of_a_new_version_reads_what_may_differ_and_the_second_nothing(catalog):
    before = rows(catalog)
    as_an_earlier_version(catalog)
    assert scan(catalog, detect(catalog.root), seed=0).read == 8 + 2
    assert rows(catalog) == before
    assert scan(catalog, detect(catalog.root), seed=0).read == 0


def test_what_was_computed_of_other_pixels_is_forgotten(catalog):
    before = rows(catalog)
    black, other = before["sea/000.png"], before["sea/001.png"]
    table, file = embedding_cache("a backbone"), catalog.root / "sea" / "000.png"
    table.put((row.hash, np.zeros(3, np.float16).tobytes()) for row in (black, other))
    thumbnails.load_file_thumbnail(file, 32)
    thumbnails.load_file_thumbnail(catalog.root / "sea" / "001.png", 32)
    pixels.load_pixels([file], [black.hash], 16)
    as_an_earlier_version(catalog)
    scan(catalog, detect(catalog.root), seed=0)
    assert table.cached_contents([black.hash, other.hash]) == {other.hash}
    assert not pixels.is_decoded([black.hash], 16)
    hashes = {file.name.partition("-")[0] for file in thumbnails.cache_dir("thumbnails").rglob("*.jpg")}
    assert hashes == {other.hash}
