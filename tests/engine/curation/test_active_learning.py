"""The images that are asked for next are those that the model is unsure of, each of another kind."""

import json

import numpy as np
import pytest

from engine.cli import main
from engine.core.errors import UserError
from engine.curation.active_learning import select_diverse, select_for_labelling
from engine.data.datasets import add_dataset, load_dataset
from engine.data.filters import Filter


def test_copies_of_one_unsure_picture_are_not_asked_for_twice_while_others_are_unsure():
    kinds = np.eye(8, dtype=np.float32)[[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]]
    probabilities = np.tile([0.5, 0.45, 0.05], (12, 1))
    probabilities[9:] = [0.999, 0.001, 0.0]  # the model is sure of the last kind
    chosen = select_diverse(kinds, probabilities, 3)
    assert sorted(chosen // 3) == [0, 1, 2]
    assert select_diverse(kinds, probabilities, 3, seed=1).tolist() == select_diverse(kinds, probabilities, 3, seed=1).tolist()
    assert sorted(select_diverse(kinds, probabilities, 99)) == list(range(12))


def test_images_without_a_label_are_chosen_with_what_the_model_would_say(mapped, capsys):
    data = load_dataset("scenes")
    waiting = set(data.catalog.view(Filter(splits=("unlabelled",))).ids().tolist())
    assert len(waiting) == 3
    result = select_for_labelling(data, 10)
    assert set(result["id"]) == waiting
    assert (result["predicted"] == "sea").all()
    assert result["margin"].between(0, 1).all()
    assert main(["choose", "--dataset", "scenes", "--count", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [image["id"] for image in said["images"]] == result["id"].tolist()[:2]


def test_a_dataset_in_which_all_images_have_labels_says_so(home, write_class, tmp_path):
    for kind in ("sea", "forest"):
        write_class(tmp_path / "all" / kind, kind, 3)
    data, _ = add_dataset(str(tmp_path / "all"))
    with pytest.raises(UserError, match="All images of all have labels"):
        select_for_labelling(data, 5)
