"""The name that a dataset gets from its folder."""

import pytest

from engine.core.errors import UserError
from engine.data import datasets
from engine.data.dataset_names import is_name, name_of_folder


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("Photos", "photos"), ("My Photos (2)", "my-photos-2"), ("Фото 2024", "foto-2024"), ("Φωτό", "foto"), ("Forêt d'été", "foret-d-ete"),
        ("Straße", "strasse"), ("写真", "dataset"), ("...", "dataset"), ("x" * 80, "x" * 64),
    ],
)  # fmt: skip
def test_a_name_from_a_folder(tmp_path, folder, expected):
    name = name_of_folder(str(tmp_path / folder), {})
    assert name == expected
    assert is_name(name)


def test_folders_whose_letters_are_lost_are_numbered(tmp_path):
    taken = {"dataset": tmp_path / "写真"}
    assert name_of_folder(str(tmp_path / "图片"), taken) == "dataset-2"
    assert name_of_folder(str(tmp_path / "写真"), taken) == "dataset"
    assert name_of_folder(str(tmp_path / "图片"), {**taken, "dataset-2": tmp_path / "图片" / "inner"}) == "dataset-2"


def test_a_dataset_of_an_earlier_version_keeps_its_name(tmp_path):
    assert name_of_folder(str(tmp_path / "Фото 2024"), {"2024": tmp_path / "Фото 2024"}) == "2024"
    assert name_of_folder(str(tmp_path / "Фото 2024"), {"2024": tmp_path / "elsewhere"}) == "foto-2024"


@pytest.mark.parametrize("source", [".", "./", "../holidays", "../holidays/."])
def test_here_is_called_by_the_folders_name(tmp_path, write_class, monkeypatch, source):
    for kind in ("sea", "forest"):
        write_class(tmp_path / "holidays" / kind, kind, 3)
    monkeypatch.chdir(tmp_path / "holidays")
    assert datasets.add_dataset(source)[0].name == "holidays"


def test_two_folders_of_other_scripts_are_both_added_and_found_again(tmp_path, write_class):
    for folder in ("写真", "图片"):
        for kind in ("sea", "forest"):
            write_class(tmp_path / folder / kind, kind, 3)
        datasets.add_dataset(str(tmp_path / folder))
    datasets.add_dataset(str(tmp_path / "图片"))
    assert [(data.name, data.root.name) for data in datasets.list_datasets()] == [("dataset", "写真"), ("dataset-2", "图片")]


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"photos\.zip' is an archive\.") as error:
        datasets.add_dataset(str(tmp_path / "photos.zip"))
    assert error.value.hint == "Unpack it and add the resulting folder."
