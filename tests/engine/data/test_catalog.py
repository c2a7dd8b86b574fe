"""The catalog: filled incrementally, consistent with the folder, readable in pages."""

import os
import shutil

import pytest
from PIL import Image

from engine.core.files import CHUNK
from engine.data.catalog import Catalog
from engine.data.columns import STATES
from engine.data.filters import Filter
from engine.data.layouts import detect
from engine.data.scan import scan as fill


@pytest.fixture
def plain(tmp_path, write_class):
    """forest and sea, 10 images each, no splits."""
    for kind in ("forest", "sea"):
        write_class(tmp_path / "plain" / kind, kind, 10)
    return tmp_path / "plain"


def catalog_of(root, file=None):
    return Catalog(file or root.parent / f"{root.name}.sqlite", root)


def scan(root, file=None):
    catalog = catalog_of(root, file)
    return catalog, fill(catalog, detect(root), seed=0)


def rewrite_keeping_the_stat(file, content):
    """Other bytes of the same length and time: only a reader of the content could tell."""
    before = file.stat()
    assert len(content) == before.st_size
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def row_of(catalog, path):
    return next(row for state in STATES for row in catalog.page(Filter(state=state), size=1000) if row.path == path)


def test_every_image_has_a_row_with_its_size_class_and_content(plain):
    Image.new("RGB", (30, 20)).save(plain / "sea" / "wide.png")
    catalog, result = scan(plain)
    row = row_of(catalog, "sea/wide.png")
    assert (result.read, result.ok, catalog.count()) == (21, 21, 21)
    assert (row.class_name, row.width, row.height, row.bytes) == ("sea", 30, 20, (plain / "sea" / "wide.png").stat().st_size)
    assert row.file(plain) == plain / "sea" / "wide.png"
    assert row.hash not in {other.hash for other in catalog.page(size=100) if other.id != row.id}


def test_a_second_scan_touches_no_files_content(plain):
    catalog, _ = scan(plain)
    before = {row.path: row.hash for row in catalog.page(size=100)}
    for file in plain.rglob("*.png"):
        rewrite_keeping_the_stat(file, b"x" * file.stat().st_size)
    _, again = scan(plain)
    assert (again.read, again.ok, again.quarantined) == (0, 20, 0)
    assert {row.path: row.hash for row in catalog.page(size=100)} == before


def test_only_the_changed_and_the_new_file_are_read_again(plain, write_class):
    catalog, _ = scan(plain)
    old = row_of(catalog, "sea/003.png")
    shutil.copy(plain / "forest" / "001.png", plain / "sea" / "003.png")
    os.utime(plain / "sea" / "003.png", ns=(1, 1))
    write_class(plain / "sea", "sea", 1, first=50)
    _, again = scan(plain)
    new = row_of(catalog, "sea/003.png")
    assert (again.read, again.ok) == (2, 21)
    assert (new.id, new.hash) == (old.id, row_of(catalog, "forest/001.png").hash)
    assert new.hash != old.hash


def test_a_deleted_file_is_missing_and_comes_back_as_itself(plain):
    catalog, _ = scan(plain)
    before = row_of(catalog, "sea/003.png")
    away = (plain / "sea" / "003.png").rename(plain.parent / "away.png")
    _, without = scan(plain)
    assert (without.ok, without.missing) == (19, 1)
    assert catalog.problems()[["path", "state", "reason"]].values.tolist() == [["sea/003.png", "missing", "the file is gone"]]
    assert "sea/003.png" not in set(catalog.frame("train")["path"]) | set(catalog.frame("test")["path"])
    away.rename(plain / "sea" / "003.png")
    _, back = scan(plain)
    assert (back.read, back.ok, back.missing) == (1, 20, 0)
    assert row_of(catalog, "sea/003.png") == before


def test_a_file_that_cannot_be_used_is_put_aside_with_its_reason_and_the_scan_goes_on(plain):
    sea = plain / "sea"
    (sea / "empty.jpg").write_bytes(b"")
    (sea / "text.jpg").write_text("not an image")
    (sea / "cut.png").write_bytes((sea / "000.png").read_bytes()[:2000])
    with open(sea / "huge.png", "wb") as file:
        file.truncate(101 * CHUNK)
    (sea / "dangling.png").symlink_to("nowhere.png")
    catalog, result = scan(plain)
    reasons = dict(catalog.problems()[["path", "reason"]].values.tolist())
    assert (result.ok, result.quarantined) == (20, 5)
    assert set(reasons) == {f"sea/{name}" for name in ("empty.jpg", "text.jpg", "cut.png", "huge.png", "dangling.png")}
    assert reasons["sea/empty.jpg"] in ("empty file", "not an image, despite its name")
    assert reasons["sea/text.jpg"] == "not an image, despite its name"
    assert reasons["sea/cut.png"].startswith("damaged image (")
    assert reasons["sea/huge.png"] == "too large: 101.0 MB, the limit is 100 MB per image"
    assert reasons["sea/dangling.png"] == "a link to a file that is not there"


def test_notes_beside_the_photos_are_ignored_and_a_photo_without_a_proper_name_is_not(plain):
    (plain / "sea" / "notes.txt").write_text("taken in May")
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "photo.dat")
    catalog, result = scan(plain)
    assert (result.ok, result.quarantined, result.ignored) == (21, 0, 1)
    assert catalog.problems().empty
    assert row_of(catalog, "sea/photo.dat").state == "ok"


def test_notes_that_are_deleted_are_no_missing_image(plain):
    (plain / "sea" / "notes.txt").write_text("taken in May")
    catalog, _ = scan(plain)
    (plain / "sea" / "notes.txt").unlink()
    _, result = scan(plain)
    assert result.missing == 0
    assert catalog.problems().empty


def test_a_repaired_file_is_read_again(plain):
    (plain / "sea" / "late.png").write_bytes(b"still copying")
    catalog, first = scan(plain)
    assert first.quarantined == 1
    Image.new("RGB", (8, 8)).save(plain / "sea" / "late.png")
    _, second = scan(plain)
    assert (second.ok, second.quarantined) == (21, 0)
    assert row_of(catalog, "sea/late.png").reason == ""


def test_names_that_are_no_utf8_are_shown_and_opened(plain):
    odd = plain / "sea" / os.fsdecode(b"caf\xe9.png")
    shutil.copy(plain / "sea" / "000.png", odd)
    catalog, result = scan(plain)
    row = row_of(catalog, "sea/caf\\xe9.png")
    assert result.ok == 21
    assert row.file(plain) == odd
    frame = next(f for split in ("train", "validation", "test") if row.path in set((f := catalog.frame(split))["path"]))
    assert catalog.files(frame)[frame["path"].tolist().index(row.path)] == odd
    assert scan(plain)[1].read == 0


def test_class_names_are_kept_as_they_are_however_odd(tmp_path, write_class):
    names = ["<script>alert(1)<", "two\nlines", "a'b\"; DROP TABLE images"]
    for name, kind in zip(names, ("sea", "forest", "glacier"), strict=True):
        write_class(tmp_path / "odd" / name, kind, 3)
    catalog, result = scan(tmp_path / "odd")
    assert result.ok == 9
    assert set(catalog.classes()) == set(names)
    assert all(catalog.count(Filter(classes=(name,))) == 3 for name in names)


@pytest.mark.parametrize("size", [1, 3, 4, 12, 20, 50])
@pytest.mark.parametrize("classes", [(), ("sea",)])
def test_pages_cover_everything_once(plain, size, classes):
    catalog, _ = scan(plain)
    conditions = Filter(classes=classes)
    total = catalog.count(conditions)
    pages = [[row.id for row in catalog.page(conditions, number, size)] for number in range(1, -(-total // size) + 1)]
    assert [id_ for page in pages for id_ in page] == [row.id for row in catalog.page(conditions, size=1000)]
    assert len({id_ for page in pages for id_ in page}) == total == (10 if classes else 20)
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert catalog.page(conditions, len(pages) + 1, size) == []


def test_text_search_takes_letters_literally(plain):
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "100%_Blue.png")
    catalog, _ = scan(plain)
    assert [row.path for row in catalog.page(Filter(text="%_bl"))] == ["sea/100%_Blue.png"]
    assert catalog.count(Filter(text="_")) == catalog.count(Filter(text="%")) == 1


def test_counts_agree_with_the_rows(kaggle):
    catalog, result = scan(kaggle)
    counts = catalog.counts()
    assert counts["n"].sum() == result.ok == 4 * 20 + 3
    test = counts[counts["split"] == "test"].set_index("class")["n"].to_dict()
    assert test == dict.fromkeys(("forest", "glacier", "mountain", "sea"), 6)
    assert counts[counts["split"] == "unlabelled"]["n"].tolist() == [3]
    for row in counts[counts["split"] != "unlabelled"].itertuples():
        assert catalog.count(Filter((row.split,), (row[1],))) == row.n == (catalog.frame(row.split)["class"] == row[1]).sum()
    assert catalog.sizes().values.tolist() == [[64, 64, 83]]


def test_the_fingerprint_names_content_and_not_place(plain, tmp_path):
    first, _ = scan(plain)
    moved = shutil.copytree(plain, tmp_path / "elsewhere" / "renamed")
    (moved / "sea" / "000.png").rename(moved / "sea" / "zzz.png")
    second, _ = scan(moved)
    assert first.fingerprint() == second.fingerprint() != ""


def test_the_fingerprint_changes_with_content_class_and_number(plain):
    catalog, _ = scan(plain)
    seen = [catalog.fingerprint()]
    Image.new("RGB", (8, 8)).save(plain / "sea" / "000.png")
    seen.append((scan(plain), catalog.fingerprint())[1])
    (plain / "sea" / "001.png").rename(plain / "forest" / "moved.png")
    seen.append((scan(plain), catalog.fingerprint())[1])
    (plain / "sea" / "002.png").unlink()
    seen.append((scan(plain), catalog.fingerprint())[1])
    assert len(set(seen)) == 4


def test_a_class_that_only_the_test_folder_has_is_put_aside_until_it_can_be_learnt(kaggle, write_class):
    write_class(kaggle / "seg_test" / "seg_test" / "desert", "sea", 2, first=700)
    catalog, result = scan(kaggle)
    assert (result.quarantined, "desert" in catalog.classes()) == (2, False)
    assert set(catalog.problems()["reason"]) == {"its class has no training images"}
    write_class(kaggle / "seg_train" / "seg_train" / "desert", "sea", 3, first=800)
    _, result = scan(kaggle)
    assert (result.quarantined, "desert" in catalog.classes(), catalog.count(Filter(("test",), ("desert",)))) == (0, True, 2)
