"""Training dynamics: written an epoch at a time, and what they say of an image."""

import numpy as np
import pandas as pd
import pytest

from engine.core.errors import UserError
from engine.evaluation import dynamics

#         epoch 1  2  3  4   of five images whose true class is 0
STORY = {
    "early": (0, 0, 0, 0),
    "late": (1, 1, 0, 0),
    "never": (2, 1, 2, 1),
    "forgotten": (0, 1, 0, 1),
    "early again": (1, 0, 0, 0),
}


def predictions(epoch):
    predicted = np.array([answers[epoch - 1] for answers in STORY.values()])
    probabilities = np.full((len(STORY), 3), 0.125)
    probabilities[np.arange(len(STORY)), predicted] = 0.75
    return pd.DataFrame({"true": 0, "predicted": predicted, "probabilities": list(probabilities)})


@pytest.fixture
def run(tmp_path):
    dynamics.write_images(tmp_path, list(STORY), np.zeros(len(STORY), int))
    for epoch in range(1, 5):
        dynamics.write_epoch(tmp_path, epoch, predictions(epoch))
    return tmp_path


def test_what_was_written_is_read(run):
    read = dynamics.read(run)
    assert read.contents == tuple(STORY)
    assert read.predicted.T.tolist() == [list(answers) for answers in STORY.values()]
    assert read.probability.T.tolist() == [[0.75 if a == 0 else 0.125 for a in answers] for answers in STORY.values()]


def test_an_image_and_epoch_takes_four_bytes(run):
    assert (run / "dynamics.bin").stat().st_size == 4 * 4 * len(STORY)


def test_a_torn_epoch_is_not_read_and_a_repeated_one_overwrites_itself(run):
    whole = (run / "dynamics.bin").read_bytes()
    (run / "dynamics.bin").write_bytes(whole[:-3])
    assert len(dynamics.read(run).predicted) == 3
    for epoch in (3, 4):
        dynamics.write_epoch(run, epoch, predictions(epoch))
    assert (run / "dynamics.bin").read_bytes() == whole


def test_an_epoch_that_is_trained_again_cuts_off_what_came_after(run):
    dynamics.write_epoch(run, 2, predictions(2))
    assert len(dynamics.read(run).predicted) == 2


def test_each_image_has_its_state(run):
    result = dynamics.summary(dynamics.read(run)).set_index("content")
    assert result["state"].to_dict() == {name: name.removesuffix(" again") for name in STORY}
    assert set(result["state"]) == set(dynamics.STATES)
    assert result["settled"].tolist() == [1, 3, 0, 0, 2]
    assert result["forgettings"].tolist() == [0, 0, 0, 2, 0]
    assert result["correctness"].tolist() == [1, 0.5, 0, 0.5, 0.75]
    assert result["confidence"].tolist() == pytest.approx([0.75, 0.4375, 0.125, 0.4375, 0.59375])
    assert result["variability"]["early"] == 0
    assert result["variability"]["late"] == pytest.approx(0.3125)


def test_one_epoch_is_enough(tmp_path):
    dynamics.write_images(tmp_path, list(STORY), np.zeros(len(STORY), int))
    dynamics.write_epoch(tmp_path, 1, predictions(1))
    assert set(dynamics.summary(dynamics.read(tmp_path))["state"]) == {"early", "never"}


def test_a_run_without_them_is_told(tmp_path):
    with pytest.raises(UserError, match="has no training dynamics"):
        dynamics.read(tmp_path)
    dynamics.write_images(tmp_path, ["a"], np.zeros(1, int))
    with pytest.raises(UserError, match="has no training dynamics"):
        dynamics.read(tmp_path)
