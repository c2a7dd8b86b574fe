"""Registering datasets: completely or not at all, and again without reading files twice."""

import pytest

from engine.core.errors import UserError
from engine.core.paths import data_dir
from engine.data import datasets


def nothing_is_registered():
    return datasets.list_datasets() == [] and (not data_dir().exists() or list(data_dir().iterdir()) == [])


def test_a_folder_is_registered_under_its_name_and_found_again(kaggle):
    added, result = datasets.add_dataset(str(kaggle))
    assert (added.name, added.classes, result.ok) == ("scenes", ("forest", "glacier", "mountain", "sea"), 83)
    assert datasets.load_dataset("scenes") == added
    assert datasets.list_datasets() == [added]
    summary = datasets.summarize(added)
    assert summary["splits"] == {"train": 52, "validation": 4, "test": 24, "unlabelled": 3}
    assert summary["images"] == sum(row["n"] for row in summary["counts"]) == 83
    assert (summary["synthetic"], summary["problems"]) == (False, [])


def test_adding_again_brings_up_to_date_and_reads_only_what_is_new(kaggle, write_class):
    first, _ = datasets.add_dataset(str(kaggle))
    write_class(kaggle / "seg_train" / "seg_train" / "sea", "sea", 2, first=100)
    again, result = datasets.add_dataset(str(kaggle))
    assert (result.read, result.ok) == (2, 85)
    assert again == first
    assert len(datasets.list_datasets()) == 1


def test_the_images_are_never_written_to(kaggle):
    before = {path: path.stat().st_mtime_ns for path in kaggle.rglob("*")}
    datasets.add_dataset(str(kaggle))
    assert {path: path.stat().st_mtime_ns for path in kaggle.rglob("*")} == before


def test_a_name_that_is_taken_is_refused_and_its_dataset_stays(kaggle):
    added, _ = datasets.add_dataset(str(kaggle), "my-scenes.v2")
    assert added.name == "my-scenes.v2"
    with pytest.raises(UserError, match="The name 'my-scenes.v2' belongs to the dataset of"):
        datasets.add_dataset(str(kaggle / "seg_train"), "my-scenes.v2")
    assert datasets.load_dataset("my-scenes.v2") == added


@pytest.mark.parametrize("name", ["../up", "a b", "", ".hidden", "x" * 65, "UPPER"])
def test_a_name_that_could_leave_the_data_folder_is_refused(kaggle, name):
    with pytest.raises(UserError, match="cannot be a dataset's name"):
        datasets.add_dataset(str(kaggle), name)
    assert nothing_is_registered()
    with pytest.raises(UserError, match="There is no dataset"):
        datasets.load_dataset(name)


def test_the_name_demo_belongs_to_the_demo(kaggle):
    with pytest.raises(UserError, match="belongs to the demo dataset"):
        datasets.add_dataset(str(kaggle), "demo")


def test_a_folder_without_images_is_refused_and_leaves_nothing(tmp_path):
    for kind in ("sea", "forest"):
        (tmp_path / "papers" / kind).mkdir(parents=True)
        (tmp_path / "papers" / kind / "notes.txt").write_text("words")
        (tmp_path / "papers" / kind / "broken.jpg").write_text("words")
    with pytest.raises(UserError, match=r"There are no images in '.*papers'\. 2 files could not be read\."):
        datasets.add_dataset(str(tmp_path / "papers"))
    assert nothing_is_registered()


def test_one_class_only_is_refused_and_leaves_nothing(tmp_path, write_class):
    write_class(tmp_path / "lonely" / "sea", "sea", 3)
    with pytest.raises(UserError, match="holds only the class 'sea'; a classifier needs at least two"):
        datasets.add_dataset(str(tmp_path / "lonely"))
    assert nothing_is_registered()


@pytest.mark.parametrize("source", ["missing", "file.txt", "kaggle:no-slash", "kaggle:../../etc"])
def test_a_source_that_is_none_is_refused_and_leaves_nothing(tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("words")
    with pytest.raises(UserError) as error:
        datasets.add_dataset(source)
    assert error.value.message.endswith(".")
    assert error.value.hint
    assert nothing_is_registered()


def test_a_rescan_that_fails_keeps_the_registered_dataset(tmp_path, write_class):
    for kind in ("sea", "forest"):
        write_class(tmp_path / "plain" / kind, kind, 4)
    added, _ = datasets.add_dataset(str(tmp_path / "plain"))
    for file in (tmp_path / "plain" / "sea").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="only the class 'forest'"):
        datasets.add_dataset(str(tmp_path / "plain"))
    assert datasets.list_datasets() == [added]


def test_the_unknown_dataset_is_told_with_the_known_ones(kaggle):
    with pytest.raises(UserError) as error:
        datasets.load_dataset("holidays")
    assert (error.value.message, "none yet" in error.value.hint) == ("There is no dataset 'holidays'.", True)
    datasets.add_dataset(str(kaggle))
    with pytest.raises(UserError, match="Registered: scenes"):
        datasets.load_dataset("holidays")
