"""Pictures that were told their right class: kept once, taken back, and joined to the dataset without touching its test."""

import pytest
from label_edits import exclude

from engine.core.errors import UserError
from engine.data import datasets
from engine.inference import corrections
from engine.inference.corrections import DatasetImageError


@pytest.fixture
def data(home, kaggle):
    return datasets.add_dataset(str(kaggle))[0]


@pytest.fixture
def picture(tmp_path, write_class):
    return write_class(tmp_path / "mine", "sea", 1, first=4000)[0]


def test_a_picture_is_kept_once_under_the_class_told_last(data, picture):
    corrections.add_correction(data, picture, "forest")
    correction = corrections.add_correction(data, picture, "sea")
    assert corrections.list_corrections(data) == [correction]
    assert (correction.class_name, correction.file.read_bytes()) == ("sea", picture.read_bytes())
    assert correction.file.is_relative_to(corrections.folder(data))
    corrections.remove_correction(data, correction.content)
    assert corrections.list_corrections(data) == []


def test_the_images_of_the_dataset_itself_are_not_taken(data, kaggle):
    with pytest.raises(DatasetImageError, match="test image of the dataset, filed under sea") as caught:
        corrections.add_correction(data, kaggle / "seg_test" / "seg_test" / "sea" / "500.png", "forest")
    assert data.catalog.get(caught.value.image_id).path.endswith("sea/500.png")
    exclude(data, [caught.value.image_id])
    with pytest.raises(DatasetImageError, match="test image"):
        corrections.add_correction(data, kaggle / "seg_test" / "seg_test" / "sea" / "500.png", "forest")
    assert corrections.list_corrections(data) == []


def test_what_cannot_be_kept_is_refused_in_a_sentence(data, picture, tmp_path):
    with pytest.raises(UserError, match="no class '../up'"):
        corrections.add_correction(data, picture, "../up")
    (tmp_path / "words.jpg").write_text("no picture")
    with pytest.raises(UserError, match="could not be saved: not an image"):
        corrections.add_correction(data, tmp_path / "words.jpg", "sea")
    with pytest.raises(UserError, match="There are no corrections yet"):
        corrections.build_corrected_dataset(data)
    with pytest.raises(UserError, match="no such correction"):
        corrections.remove_correction(data, "0" * 32)


def test_joined_to_the_dataset_they_are_trained_on_and_validation_and_test_stay_as_they_are(data, picture):
    corrections.add_correction(data, picture, "sea")
    for _ in range(2):
        place, name = corrections.build_corrected_dataset(data)
        joined = datasets.add_dataset(str(place), name)[0]
    assert name == "scenes-corrected"
    for split, more in (("train", 1), ("validation", 0), ("test", 0)):
        before, after = (one.catalog.frame(split) for one in (data, joined))
        assert set(before["hash"]) <= set(after["hash"])
        assert len(after) == len(before) + more
        assert sorted(after["class"]) == sorted([*before["class"], *["sea"] * more])
