"""Files that are not used are counted and listed with the reason: backups, pointers, formats, recycle bins, system files."""

import shutil

import pytest

from engine.core.errors import UserError
from engine.data import datasets
from engine.data.catalog import Catalog
from engine.data.file_kinds import is_backup, is_image, is_label_table
from engine.data.layouts import detect
from engine.data.scan import scan
from engine.data.unused_files import unused_report

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 5000\n"


@pytest.fixture
def plain(tmp_path, write_class):
    """forest and sea, 4 images each."""
    for kind in ("forest", "sea"):
        write_class(tmp_path / "plain" / kind, kind, 4)
    return tmp_path / "plain"


def filled(root):
    catalog = Catalog(root.parent / "catalog.sqlite", root)
    return catalog, scan(catalog, detect(root), seed=0)


def groups(catalog):
    return {group.kind: group for group in unused_report(catalog).groups}


def test_backups_that_editors_leave_are_no_second_image(plain):
    for file in [*plain.rglob("*.png")]:
        for ending in ("_original", "~", ".bak", ".~1~"):
            shutil.copy(file, f"{file}{ending}")
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "001.bak")
    catalog, result = filled(plain)
    assert (result.ok, result.read) == (8, 8)
    assert groups(catalog)["backup"].sentence == "33 files are backup copies that an editor left"
    assert filled(plain)[1].read == 0


def test_a_backup_whose_original_is_gone_is_the_image(plain):
    (plain / "sea" / "000.png").rename(plain / "sea" / "000.png_original")
    catalog, result = filled(plain)
    assert (result.ok, groups(catalog)) == (8, {})


@pytest.mark.parametrize(
    ("name", "beside", "expected"),
    [
        ("IMG.jpg_original", ["IMG.jpg"], True), ("IMG.jpg~", ["IMG.jpg"], True), ("IMG.JPG.orig", ["IMG.JPG"], True),
        ("IMG.bak", ["IMG.jpg"], True), ("IMG.bak", ["other.jpg"], False), ("IMG.jpg", ["IMG.jpg"], False),
        ("holiday_original", ["holiday.jpg"], False), ("a~b.jpg", ["a"], False), ("IMG.jpg~", [], False),
    ],
)  # fmt: skip
def test_what_a_backup_is(name, beside, expected):
    assert is_backup(name, {name, *beside}) is expected


def test_an_old_catalog_gives_its_backups_up_at_the_next_scan(plain, monkeypatch):
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "000.png~")
    with monkeypatch.context() as patch:
        patch.setattr("engine.data.file_kinds.is_backup", lambda name, beside: False)
        assert filled(plain)[1].ok == 9
    catalog, result = filled(plain)
    assert (result.ok, groups(catalog)["backup"].files) == (8, 1)


@pytest.mark.parametrize("name", ["#recycle", "$RECYCLE.BIN", ".Trash-1000"])
def test_deleted_pictures_are_no_class(plain, write_class, name):
    write_class(plain / name, "glacier", 3, first=50)
    write_class(plain / "sea" / name, "glacier", 2, first=60)
    catalog, result = filled(plain)
    assert (result.ok, catalog.classes()) == (8, ("forest", "sea"))
    assert groups(catalog)["bin"].sentence == "5 files are in recycle bins"


@pytest.mark.parametrize("name", ["lost+found", "System Volume Information", "@eaDir", "__MACOSX", ".git"])
def test_what_systems_leave_is_counted_and_no_class(plain, write_class, name):
    write_class(plain / name, "glacier", 3, first=50)
    (plain / "sea" / "Thumbs.db").write_bytes(b"thumbs")
    catalog, result = filled(plain)
    report = unused_report(catalog)
    assert (result.ok, catalog.classes(), report.loud) == (8, ("forest", "sea"), False)
    assert groups(catalog)["system"].sentence == "4 files are hidden or made by the system"
    assert {item.path for item in groups(catalog)["system"].named} == {f"{name}/", "sea/Thumbs.db"}


def test_a_set_of_lfs_pointers_says_how_to_get_the_pictures(tmp_path):
    for kind in ("forest", "sea"):
        (tmp_path / "lfs" / kind).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "lfs" / kind / f"{number}.jpg").write_text(LFS.format("ab" * 32))
    with pytest.raises(UserError, match="There are no images in .* 6 files are pointers of Git LFS or git-annex") as error:
        datasets.add_dataset(str(tmp_path / "lfs"))
    assert "git lfs pull" in error.value.hint


def test_links_of_git_annex_and_other_broken_links_have_their_reasons(plain):
    (plain / "sea" / "annexed.jpg").symlink_to("../.git/annex/objects/Xx/Yy/SHA256E--1.jpg/SHA256E--1.jpg")
    (plain / "sea" / "broken.jpg").symlink_to("nowhere.jpg")
    (plain / "sea" / "unlocked.jpg").write_text("/annex/objects/SHA256E-s5--1.jpg\n")
    catalog, _ = filled(plain)
    assert [item.path for item in groups(catalog)["pointer"].named] == ["sea/annexed.jpg", "sea/unlocked.jpg"]
    assert [item.path for item in groups(catalog)["link"].named] == ["sea/broken.jpg"]


def test_formats_that_are_not_read_are_counted_by_name(plain):
    (plain / "sea" / "scan.dcm").write_bytes(bytes(128) + b"DICM" + bytes(300))
    (plain / "sea" / "scan").write_bytes(bytes(128) + b"DICM" + bytes(300))
    for name in ("a.jxl", "a.psd", "a.svg", "notes.txt"):
        (plain / "sea" / name).write_text("words")
    catalog, result = filled(plain)
    assert (result.ok, result.ignored) == (8, 6)
    assert groups(catalog)["unread"].sentence == "5 files are in formats that are not read (JPEG XL, Photoshop, SVG, DICOM)"
    assert groups(catalog)["format"].sentence == "1 file is not an image (.txt)"


def test_a_set_of_dicom_alone_says_which_formats_are_read(tmp_path):
    for kind in ("forest", "sea"):
        (tmp_path / "dicom" / kind).mkdir(parents=True)
        (tmp_path / "dicom" / kind / "0.dcm").write_bytes(bytes(128) + b"DICM" + bytes(300))
    with pytest.raises(UserError, match=r"2 files are in formats that are not read \(DICOM\)") as error:
        datasets.add_dataset(str(tmp_path / "dicom"))
    assert error.value.hint.startswith("Formats that are read: JPEG, PNG")


def test_the_report_and_the_summary_agree_and_every_file_has_a_reason(plain):
    (plain / "readme.txt").write_text("words")
    (plain / "labels.csv").write_text("file,label\n")
    (plain / "sea" / "cut.png").write_bytes((plain / "sea" / "000.png").read_bytes()[:900])
    (plain / "forest" / "003.png").rename(plain / "loose.png")
    data, _ = datasets.add_dataset(str(plain))
    report, document = unused_report(data.catalog), datasets.summarize(data)["unused"]
    assert report.files == document["files"] == 4
    assert {group.kind: group.files for group in report.groups} == {"damaged": 1, "loose": 1, "table": 1, "format": 1}
    assert all(item["reason"] for group in document["groups"] for item in group["named"])
    assert report.headline == "4 files are not used"
    assert report.loud


def test_what_is_gone_again_from_the_report_after_the_next_scan(plain):
    (plain / "loose.png").write_bytes((plain / "sea" / "000.png").read_bytes())
    catalog, _ = filled(plain)
    before = catalog.generation()
    assert "loose" in groups(catalog)
    (plain / "loose.png").unlink()
    filled(plain)
    assert groups(catalog) == {}
    assert catalog.generation() != before


def test_a_catalog_of_an_earlier_version_opens_without_a_word_on_the_rest(plain):
    (plain / "loose.png").write_bytes((plain / "sea" / "000.png").read_bytes())
    catalog, _ = filled(plain)
    with catalog.connect() as connection:
        connection.execute("DELETE FROM meta WHERE key = 'unused'")
    assert (unused_report(catalog).files, catalog.count()) == (0, 8)


def test_more_files_than_are_named_are_all_counted(plain, monkeypatch):
    monkeypatch.setattr("engine.data.unused_files._NAMED", 5)
    for number in range(12):
        (plain / f"{number}.png").write_bytes(b"words")
        (plain / "sea" / f"note-{number}.txt").write_text("words")
    catalog, _ = filled(plain)
    assert {kind: (group.files, len(group.named)) for kind, group in groups(catalog).items()} == {
        "loose": (12, 5),
        "format": (12, 5),
    }


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("train.csv", b"", True), ("labels.json", b"", True), ("x.csv", b"file;Label\n", True), ("x.csv", b"file,width\n", False),
        ("train.txt", b"label", False), ("metadata.csv", b"", True), ("instances_train2017.json", b"", True),
    ],
)  # fmt: skip
def test_what_a_table_of_labels_is(name, head, expected):
    assert is_label_table(name, head) is expected


def test_pictures_without_an_extension_are_known_by_their_first_bytes(plain, paint):
    for number, kind in enumerate(("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")):
        file = plain / f"picture-{number}"
        paint("sea", number).save(file, format=kind)
        assert is_image(file), kind
    (plain / "words").write_text("BM or P5, says the text")
    assert not is_image(plain / "words")
    assert not is_image(plain / "nowhere")
