"""Folders that try to break the scan: everything is shown or reported with its reason, and nothing hangs."""

import os
import shutil
import socket
import threading

import pytest
from PIL import Image

from engine.core.errors import UserError
from engine.data.catalog import Catalog
from engine.data.datasets import add_dataset, load_dataset
from engine.data.decoding import ImageError, open_image, read_content
from engine.data.filters import Filter
from engine.data.layouts import detect, display_name
from engine.data.scan import scan as fill
from engine.data.thumbnails import load_thumbnail

NOBODY = 65534


@pytest.fixture
def plain(tmp_path, write_class):
    """forest and sea, 5 images each, no splits."""
    for kind in ("forest", "sea"):
        write_class(tmp_path / "plain" / kind, kind, 5)
    return tmp_path / "plain"


def scan(root):
    catalog = Catalog(root.parent / "catalog.sqlite", root)
    return catalog, fill(catalog, detect(root), seed=0)


def reasons(catalog):
    return dict(catalog.problems()[["path", "reason"]].values.tolist())


def test_pipes_sockets_and_folders_named_like_pictures_are_put_aside(plain, monkeypatch):
    os.mkfifo(plain / "sea" / "pipe.jpg")
    monkeypatch.chdir(plain / "sea")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket.jpg")
    (plain / "sea" / "folder.jpg").mkdir()
    catalog, result = scan(plain)
    listener.close()
    assert (result.ok, result.quarantined) == (10, 2)
    assert set(reasons(catalog).values()) == {"not a regular file (a folder, pipe, socket or device)"}
    assert scan(plain)[1].read == 0


def test_a_picture_that_became_a_pipe_after_the_scan_is_named_and_not_waited_for(plain):
    catalog, _ = scan(plain)
    row = next(row for row in catalog.page() if row.path == "sea/000.png")
    (plain / "sea" / "000.png").unlink()
    os.mkfifo(plain / "sea" / "000.png")
    with pytest.raises(ImageError, match="not a regular file"):
        open_image(plain / "sea" / "000.png")
    with pytest.raises(ImageError):
        load_thumbnail(row, plain)


def test_links_are_followed_to_files_wherever_they_lead_and_to_folders_only_as_classes(plain, tmp_path, write_class):
    outside = write_class(tmp_path / "outside" / "lake", "sea", 3)
    (plain / "sea" / "linked.png").symlink_to(outside[0])
    (plain / "lake").symlink_to(tmp_path / "outside" / "lake")
    (plain / "sea" / "more").symlink_to(tmp_path / "outside")
    (plain / "sea" / "loop").symlink_to(plain)
    (plain / "sea" / "self.png").symlink_to("self.png")
    (plain / "a").symlink_to("b")
    (plain / "b").symlink_to("a")
    catalog, result = scan(plain)
    assert catalog.classes() == ("forest", "lake", "sea")
    assert (catalog.count(Filter(classes=("lake",))), catalog.count(Filter(classes=("sea",)))) == (3, 6)
    assert reasons(catalog) == {
        "sea/more": "a link to a folder, which is not followed here",
        "sea/self.png": "cannot be read (Too many levels of symbolic links)",
    }
    assert scan(plain)[1].read == 0


def as_nobody(body):
    """Run `body` without root's rights, so that permissions mean something."""
    os.seteuid(NOBODY)
    try:
        return body()
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give up root's rights")
def test_what_may_not_be_read_is_named_and_comes_back_with_its_rights(plain):
    for folder in (plain, *plain.parents):
        if folder.stat().st_uid == 0 and folder.is_relative_to("/tmp"):
            folder.chmod(0o777)
    (plain / "sea" / "deep").mkdir()
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "deep" / "copy.png")
    catalog, first = as_nobody(lambda: scan(plain))
    assert first.ok == 11
    (plain / "sea" / "deep").chmod(0)
    (plain / "sea" / "001.png").chmod(0)
    os.utime(plain / "sea" / "001.png", ns=(1, 1))
    _, shut = as_nobody(lambda: scan(plain))
    assert (shut.ok, shut.missing) == (9, 1)
    assert reasons(catalog) == {
        "sea/001.png": "cannot be read (Permission denied)",
        "sea/deep": "the folder cannot be read (Permission denied)",
        "sea/deep/copy.png": "its folder cannot be read",
    }
    (plain / "sea" / "deep").chmod(0o777)
    _, back = as_nobody(lambda: scan(plain))
    assert (back.ok, "sea/deep" in reasons(catalog)) == (10, False)
    plain.chmod(0)
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        as_nobody(lambda: detect(plain))
    plain.chmod(0o777)


def test_a_file_that_grows_while_it_is_read_is_read_again_by_the_next_scan(plain):
    whole = (plain / "sea" / "000.png").read_bytes()
    growing = plain / "sea" / "late.png"
    growing.write_bytes(whole[:1000])
    content, status = read_content(growing)
    assert (len(content), status.st_size) == (1000, 1000)
    catalog, first = scan(plain)
    assert first.quarantined == 1
    stop = threading.Event()

    def grow():
        while not stop.is_set():
            with open(growing, "ab") as file:
                file.write(b"x" * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    _, during = scan(plain)
    stop.set()
    writer.join()
    growing.write_bytes(whole)
    _, after = scan(plain)
    assert (during.ok, after.ok, after.quarantined) == (10, 11, 0)


def test_names_that_look_alike_are_different_images(plain):
    picture = plain / "sea" / "000.png"
    names = [b"caf\xe9.png", rb"caf\xe9.png", b"caf\\\xe9.png", "café.png".encode(), b"CAF\xc9.png"]
    for name in names:
        shutil.copy(picture, os.fsencode(plain / "sea") + b"/" + name)
    catalog, result = scan(plain)
    assert result.ok == 15
    assert {os.fsencode(row.file(plain)) for row in catalog.page(Filter(text="caf"))} == {
        os.fsencode(plain / "sea") + b"/" + name for name in names
    }
    assert scan(plain)[1].read == 0
    assert len({display_name(os.fsdecode(name))[0] for name in names}) == len(names)


def test_names_that_differ_in_case_alone_are_kept_apart(plain, write_class):
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "000.PNG")
    write_class(plain / "Sea", "sea", 2, first=50)
    catalog, result = scan(plain)
    assert result.ok == 13
    assert catalog.classes() == ("Sea", "forest", "sea")
    assert catalog.count(Filter(text="SEA/000")) == 2


def test_accents_are_found_however_the_file_system_writes_them(plain):
    shutil.copy(plain / "sea" / "000.png", plain / "sea" / "e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}.png")
    catalog, _ = scan(plain)
    assert catalog.count(Filter(text="ÉTÉ")) == 1


NAMES = ["<img src=x onerror=alert(1)>", "# heading *bold* [a](b)", "two\nlines\ttabs", "\N{RIGHT-TO-LEFT OVERRIDE}gnp.aes"]


@pytest.mark.parametrize("name", [*NAMES, "a" * 200, " ", "-", "~"])
def test_class_names_survive_scan_filter_and_address(plain, write_class, name):
    write_class(plain / name, "sea", 3, first=70)
    catalog, _ = scan(plain)
    conditions, ignored = Filter.from_text(Filter(classes=(name,)).to_text())
    assert (catalog.count(conditions), ignored, catalog.check(conditions)) == (3, [], (conditions, []))


def test_two_folders_for_one_split_are_both_read(tmp_path, write_class):
    for folder, count in (("train", 4), ("Train", 3), ("val", 2), ("validation", 1)):
        for kind in ("sea", "forest"):
            write_class(tmp_path / "set" / folder / kind, kind, count, first=10 * len(folder) + count)
    catalog, result = scan(tmp_path / "set")
    assert result.ok == 20
    assert catalog.count(Filter(("validation",))) == 6


def test_a_root_whose_name_is_no_utf8_is_registered_and_shown(home, plain):
    odd = plain.rename(plain.parent / os.fsdecode(b"f\xe9rien"))
    add_dataset(str(odd), "odd")
    data = load_dataset("odd")
    assert data.root == odd
    assert data.place.endswith("f\\xe9rien")
    assert add_dataset(str(odd), "odd")[1].read == 0


def test_very_many_classes_are_found_split_counted_and_filtered(home, tmp_path):
    picture, many = tmp_path / "one.png", 1000
    Image.new("RGB", (4, 4)).save(picture)
    for i in range(many):
        (tmp_path / "many" / f"class {i:04d}").mkdir(parents=True)
        os.link(picture, tmp_path / "many" / f"class {i:04d}" / "a.png")
    data, result = add_dataset(str(tmp_path / "many"), "many")
    assert (result.ok, len(data.classes)) == (many, many)
    assert len(data.catalog.counts()) == many
    assert data.catalog.count(Filter(classes=("class 0999", "class 0000"))) == 2
    assert len(data.catalog.view().histogram("brightness", group_by="class", limit=12)) == 12


def test_a_scan_that_was_killed_goes_on_where_it_was(home, plain, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(progress):
        if progress.done == 7:
            raise Killed

    monkeypatch.setattr("engine.data.scan._CHUNK", 3)
    with pytest.raises(Killed):
        add_dataset(str(plain), "plain", kill)
    data, result = add_dataset(str(plain), "plain")
    assert (result.read, result.ok, data.catalog.count()) == (4, 10, 10)
    assert add_dataset(str(plain), "plain")[1].read == 0


def test_what_a_killed_addition_read_of_another_folder_is_not_taken_over(home, plain, tmp_path, write_class):
    def kill(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_dataset(str(plain), "name", kill)
    for kind in ("forest", "sea"):
        write_class(tmp_path / "other" / kind, kind, 3, first=40)
    data, result = add_dataset(str(tmp_path / "other"), "name")
    assert (result.read, result.ok, result.missing) == (6, 6, 0)
    assert data.catalog.problems().empty
