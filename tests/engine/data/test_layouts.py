"""Which folder layouts are supported, and what is reported about others."""

import os

import pytest

from engine.core.errors import UserError
from engine.data.layouts import detect


def count_by_split_and_class(root):
    """{(split, class): number of files} as the layout sees the folder."""
    counts = {}
    for item in detect(root).files():
        counts[item.split, item.class_name] = counts.get((item.split, item.class_name), 0) + 1
    return counts


def test_kaggles_nested_folders_with_unlabelled_images(kaggle):
    train = {("train", kind): 14 for kind in ("forest", "glacier", "mountain", "sea")}
    test = {("test", kind): 6 for kind in ("forest", "glacier", "mountain", "sea")}
    assert count_by_split_and_class(kaggle) == {**train, **test, ("unlabelled", None): 3}
    assert detect(kaggle).has_splits


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_split_folders_by_any_of_their_names(tmp_path, write_class, validation):
    for split, count in (("train", 3), (validation, 2), ("test", 1)):
        for kind in ("sea", "forest"):
            write_class(tmp_path / split / kind, kind, count)
    assert count_by_split_and_class(tmp_path) == {
        (split, kind): count for split, count in (("train", 3), ("validation", 2), ("test", 1)) for kind in ("sea", "forest")
    }


def test_plain_class_folders_leave_the_split_open(tmp_path, write_class):
    write_class(tmp_path / "sea", "sea", 2)
    write_class(tmp_path / "forest" / "deeper" / "still", "forest", 3)
    assert count_by_split_and_class(tmp_path) == {(None, "sea"): 2, (None, "forest"): 3}
    assert not detect(tmp_path).has_splits


def test_a_lone_folder_round_the_dataset_is_stepped_into(tmp_path, kaggle):
    (tmp_path / "archive").mkdir()
    kaggle.rename(tmp_path / "archive" / "intel")
    layout = detect(tmp_path / "archive")
    assert layout.root == tmp_path / "archive" / "intel"
    assert ("test", "sea") in count_by_split_and_class(tmp_path / "archive")


def test_hidden_and_noise_files_are_passed_over(tmp_path, write_class):
    for kind in ("sea", "forest"):
        write_class(tmp_path / kind, kind, 2)
        for noise in (".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.jpg"):
            (tmp_path / kind / noise).write_bytes(b"noise")
    write_class(tmp_path / ".git", "sea", 1)
    write_class(tmp_path / "__MACOSX", "sea", 1)
    write_class(tmp_path / "sea" / ".thumbnails", "sea", 1)
    assert count_by_split_and_class(tmp_path) == {(None, "sea"): 2, (None, "forest"): 2}


def test_links_that_run_in_circles_add_nothing(tmp_path, write_class):
    for kind in ("sea", "forest"):
        write_class(tmp_path / kind, kind, 2)
    (tmp_path / "sea" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "itself").symlink_to("itself")
    assert count_by_split_and_class(tmp_path) == {(None, "sea"): 2, (None, "forest"): 2}


def test_a_class_folder_may_be_a_link_to_another_place(tmp_path, write_class):
    write_class(tmp_path / "data" / "sea", "sea", 2)
    write_class(tmp_path / "elsewhere", "forest", 3)
    (tmp_path / "data" / "forest").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert count_by_split_and_class(tmp_path / "data") == {(None, "sea"): 2, (None, "forest"): 3}


def test_a_class_name_that_is_no_utf8_is_still_found(tmp_path, write_class):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    write_class(odd, "sea", 1)
    write_class(tmp_path / "forest", "forest", 1)
    assert count_by_split_and_class(tmp_path) == {(None, os.fsdecode(b"caf\xe9")): 1, (None, "forest"): 1}


def test_a_missing_folder_a_file_and_an_empty_folder_get_a_sentence(tmp_path):
    (tmp_path / "file.jpg").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"There is no folder '.*nowhere'"):
        detect(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"file\.jpg' is a file, not a folder"):
        detect(tmp_path / "file.jpg")
    with pytest.raises(UserError, match=r"There are no class folders in '.*empty'") as error:
        detect(tmp_path / "empty")
    assert "seg_train/seg_train/<class>/*.jpg" in error.value.hint
