"""Classes with names of splits, splits with other names, folders that do not fit: no image is lost silently."""

import unicodedata

import pytest

from engine.core.errors import UserError
from engine.data import datasets
from engine.data.layouts import detect
from engine.data.unused_files import unused_report
from engine.evaluation.scoring import folder_images

KINDS = ("forest", "sea", "glacier")


@pytest.fixture
def fill(write_class):
    """fill(folder, classes, count, first=0): `count` pictures in the folder of each class, all different."""

    def write(folder, classes, count, first=0):
        for place, name in enumerate(classes):
            write_class(folder / name, KINDS[place % 3], count, first=first + 1000 * place)

    return write


def counts(dataset):
    """(images, classes, images by split with validation in train)."""
    result = datasets.summarize(dataset)
    splits = result["splits"]
    return result["images"], tuple(result["classes"]), splits["train"] + splits["validation"], splits["test"]


def added(root):
    return datasets.add_dataset(str(root), root.name)[0]


def groups(dataset):
    """{kind: (files, sentence)} of what is not used."""
    return {group.kind: (group.files, group.sentence) for group in unused_report(dataset.catalog).groups}


def test_a_class_called_train_beside_others_is_a_class(tmp_path, fill):
    fill(tmp_path / "flat", ("bus", "car", "train"), 4)
    data = added(tmp_path / "flat")
    assert counts(data)[:2] == (12, ("bus", "car", "train"))
    assert [note for note in unused_report(data.catalog).notes if "train/ is taken as a class" in note]


def test_a_class_called_train_under_splits_is_no_wrapper(tmp_path, fill):
    fill(tmp_path / "split" / "train", ("bus", "car", "train"), 6)
    fill(tmp_path / "split" / "test", ("bus", "car", "train"), 2, first=100)
    data = added(tmp_path / "split")
    assert counts(data) == (24, ("bus", "car", "train"), 18, 6)
    assert groups(data) == {}


def test_a_class_called_train_with_folders_inside_loses_no_other_class(tmp_path, fill):
    fill(tmp_path / "deep", ("bus", "car"), 6)
    fill(tmp_path / "deep" / "train", ("steam", "diesel"), 3, first=100)
    assert counts(added(tmp_path / "deep"))[:2] == (18, ("bus", "car", "train"))


def test_pictures_of_no_class_beside_train_make_no_class_of_it(tmp_path, fill, write_class):
    fill(tmp_path / "set" / "train", ("cat", "dog"), 4)
    for place, name in enumerate(("images", "docs")):
        write_class(tmp_path / "set" / name, "glacier", 5, first=100 * (place + 1))
    data = added(tmp_path / "set")
    assert counts(data)[:2] == (8, ("cat", "dog"))
    assert groups(data)["folder"][0] == 10


def test_a_class_called_test_under_splits_leaves_a_test_split(tmp_path, fill):
    fill(tmp_path / "lab" / "train", ("fail", "pass", "test"), 5)
    fill(tmp_path / "lab" / "test", ("fail", "pass", "test"), 2, first=100)
    assert counts(added(tmp_path / "lab")) == (21, ("fail", "pass", "test"), 15, 6)


def test_a_class_with_folders_inside_is_no_wrapper_where_it_stands_among_classes(tmp_path, fill):
    fill(tmp_path / "set" / "train" / "train", ("steam", "diesel"), 2)
    fill(tmp_path / "set" / "train", ("bus", "car"), 4, first=100)
    fill(tmp_path / "set" / "test", ("bus", "car", "train"), 2, first=200)
    assert counts(added(tmp_path / "set"))[:2] == (18, ("bus", "car", "train"))


def test_a_split_keeps_its_classes_when_a_few_pictures_lie_beside_them(tmp_path, fill, paint):
    fill(tmp_path / "set" / "train", ("cat", "dog"), 4)
    fill(tmp_path / "set" / "test", ("cat", "dog"), 2, first=100)
    paint("sea", 900).save(tmp_path / "set" / "train" / "montage.png")
    paint("sea", 901).save(tmp_path / "set" / "cover.png")
    data = added(tmp_path / "set")
    assert counts(data) == (12, ("cat", "dog"), 8, 4)
    assert groups(data) == {"loose": (2, "2 images are in no class folder")}


def test_a_test_folder_without_class_folders_is_unlabelled(tmp_path, fill, write_class):
    fill(tmp_path / "set" / "train", ("cats", "dogs"), 5)
    fill(tmp_path / "set" / "validation", ("cats", "dogs"), 2, first=100)
    write_class(tmp_path / "set" / "test", "sea", 6, first=500)
    data = added(tmp_path / "set")
    assert datasets.summarize(data)["splits"] == {"train": 10, "validation": 4, "test": 0, "unlabelled": 6}
    assert "test/ holds images and no class folders" in unused_report(data.catalog).notes[0]


def test_folders_that_are_no_split_are_counted_and_named(tmp_path, fill):
    for split, count, first in (("train", 4, 0), ("test", 2, 100), ("holdout", 3, 300), ("dev", 1, 500)):
        fill(tmp_path / "set" / split, ("forest", "sea"), count, first=first)
    data = added(tmp_path / "set")
    assert counts(data)[0] == 12
    assert groups(data) == {
        "folder": (8, "8 files are in folders that are not splits (dev/ with 2 images, holdout/ with 6 images)")
    }


@pytest.mark.parametrize(
    ("name", "split"), [("eval", "test"), ("holdout", "test"), ("dev", "validation"), ("Evaluation", "test")]
)
def test_a_lone_folder_whose_name_may_mean_a_missing_split_is_taken_for_it(tmp_path, fill, name, split):
    fill(tmp_path / "set" / "train", ("forest", "sea"), 5)
    fill(tmp_path / "set" / name, ("forest", "sea"), 2, first=100)
    data = added(tmp_path / "set")
    assert datasets.summarize(data)["splits"][split] == 4
    assert unused_report(data.catalog).notes == (f"{name}/ is taken as the {split} split.",)


def test_such_a_folder_with_other_classes_is_left_out(tmp_path, fill):
    fill(tmp_path / "set" / "train", ("forest", "sea"), 5)
    fill(tmp_path / "set" / "eval", ("scripts", "plots"), 2, first=100)
    assert groups(added(tmp_path / "set"))["folder"] == (4, "4 files are in folders that are not splits (eval/ with 4 images)")


def test_a_copy_of_the_dataset_inside_itself_is_named(tmp_path, fill):
    for place in ("chest_xray", "chest_xray/chest_xray"):
        for split, first in (("train", 0), ("test", 100)):
            fill(tmp_path / place / split, ("normal", "ill"), 2, first=first)
    data = added(tmp_path / "chest_xray")
    assert counts(data)[0] == 8
    assert groups(data)["folder"][0] == 8


def test_training_pictures_without_class_folders_are_refused_with_the_table_that_lies_there(tmp_path, write_class):
    write_class(tmp_path / "kaggle" / "train", "sea", 3)
    write_class(tmp_path / "kaggle" / "test", "sea", 3, first=50)
    (tmp_path / "kaggle" / "train.csv").write_text("image_id,label\n000.png,cat\n")
    with pytest.raises(UserError, match=r"There are no class folders in '.*kaggle': test/ and train/ hold images only") as error:
        detect(tmp_path / "kaggle")
    assert error.value.hint.startswith("kaggle/train.csv looks like a table of labels; reading it is not supported yet")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", '{"classes": ["cat", "dog"], "labels": {"000": 0}}'), ("metadata.jsonl", '{"file_name": "000.png"}'),
        ("_classes.csv", "filename, cat, dog\n000.png, 1, 0\n"), ("list.csv", "file,species\n000.png,cat\n"),
        ("_annotations.coco.json", "{}"),
    ],
)  # fmt: skip
def test_a_table_beside_one_flat_folder_is_named(tmp_path, write_class, name, content):
    write_class(tmp_path / "set" / "data", "sea", 3)
    (tmp_path / "set" / name).write_text(content)
    with pytest.raises(UserError, match="holds only the class 'data'") as error:
        datasets.add_dataset(str(tmp_path / "set"))
    assert error.value.hint.startswith(f"{name} looks like a table of labels; reading it is not supported yet")


def test_validation_and_test_without_train_are_refused_to_learn_from_and_taken_to_score_on(tmp_path, fill):
    fill(tmp_path / "set" / "val", ("forest", "sea"), 2)
    fill(tmp_path / "set" / "test", ("forest", "sea"), 3, first=100)
    with pytest.raises(UserError, match="has folders for validation and test, but none for training"):
        datasets.add_dataset(str(tmp_path / "set"))
    labelled = folder_images(tmp_path / "set", ("forest", "sea"))
    assert (set(labelled.images.frame["path"].str.split("/").str[0]), len(labelled.images.files)) == ({"test"}, 6)
    assert labelled.unused.notes == ("Only the 6 test images of 10 are scored.",)


def test_composed_and_decomposed_accents_are_one_class(tmp_path, write_class):
    root, name = tmp_path / "accents", "for\N{LATIN SMALL LETTER E WITH CIRCUMFLEX}t"
    for split, form, count, first in (("train", "NFC", 6, 0), ("test", "NFD", 3, 100)):
        write_class(root / split / unicodedata.normalize(form, name), "forest", count, first=first)
        write_class(root / split / "mer", "sea", count, first=first)
    data = added(root)
    assert counts(data) == (18, (name, "mer"), 12, 6)
    paths = [row.path for row in data.catalog.page(size=100) if row.split == "test" and row.class_name == name]
    assert all(unicodedata.normalize("NFD", name) in path for path in paths)
    assert all(data.root.joinpath(path).is_file() for path in paths)


def test_another_spelling_of_a_class_is_hinted_at(tmp_path, fill):
    fill(tmp_path / "case" / "train", ("Forest", "Sea"), 5)
    fill(tmp_path / "case" / "test", ("forest", "Sea"), 2, first=100)
    (group,) = unused_report(added(tmp_path / "case").catalog).groups
    assert (group.kind, group.files) == ("class", 2)
    assert group.hint == "'forest' may be the class 'Forest': give the folder the same name."
