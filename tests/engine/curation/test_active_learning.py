"""The images selected for labelling are those that the model is unsure of, and they differ from each other."""

import json

import numpy as np
import pytest
from label_edits import exclude

from engine.cli import main
from engine.core.errors import UserError
from engine.curation.active_learning import select_diverse, select_for_labelling
from engine.data.datasets import add_dataset, load_dataset
from engine.data.filters import Filter


def test_of_copies_of_one_image_only_one_is_selected_while_the_model_is_unsure_of_others():
    kinds = np.eye(8, dtype=np.float32)[[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]]
    probabilities = np.tile([0.5, 0.45, 0.05], (12, 1))
    probabilities[9:] = [0.999, 0.001, 0.0]  # the model is sure of the last kind
    rows = select_diverse(kinds, probabilities, 3)
    assert sorted(rows // 3) == [0, 1, 2]
    assert select_diverse(kinds, probabilities, 3, seed=1).tolist() == select_diverse(kinds, probabilities, 3, seed=1).tolist()
    assert sorted(select_diverse(kinds, probabilities, 99)) == list(range(12))


def test_unlabelled_images_are_selected_with_the_prediction_of_the_model(mapped, capsys):
    data = load_dataset("scenes")
    waiting = set(data.catalog.view(Filter(splits=("unlabelled",))).ids().tolist())
    assert len(waiting) == 3
    result = select_for_labelling(data, 10)
    assert set(result["id"]) == waiting
    assert (result["predicted"] == "sea").all()
    assert result["margin"].between(0, 1).all()
    assert main(["choose", "--dataset", "scenes", "--count", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [image["id"] for image in document["images"]] == result["id"].tolist()[:2]


def test_a_dataset_in_which_all_images_have_labels_says_so(home, write_class, tmp_path):
    for kind in ("sea", "forest"):
        write_class(tmp_path / "all" / kind, kind, 3)
    data, _ = add_dataset(str(tmp_path / "all"))
    with pytest.raises(UserError, match="All images of all have labels"):
        select_for_labelling(data, 5)


def test_one_class_alone_is_not_enough_to_choose_by(home, write_class, tmp_path):
    for kind in ("sea", "forest"):
        write_class(tmp_path / "two" / "train" / kind, kind, 6)
    write_class(tmp_path / "two" / "unlabelled", "sea", 2, first=50)
    data, _ = add_dataset(str(tmp_path / "two"))
    exclude(data, data.catalog.view(Filter(classes=("forest",))).ids().tolist())
    with pytest.raises(UserError, match="The labelled training images of two show fewer than two classes"):
        select_for_labelling(data, 5)
