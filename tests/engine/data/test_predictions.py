"""The prediction table survives saving and loading; a damaged file is reported."""

import numpy as np
import pandas as pd
import pytest

from engine.core.errors import UserError
from engine.data.predictions import prediction_table, read_predictions, write_predictions


@pytest.fixture
def predictions():
    images = pd.DataFrame({"id": [3, 9], "path": ["sea/é<b>.jpg", "forest/two\nlines.jpg"], "hash": ["aa", "bb"]})
    return prediction_table(images, np.array([0, 1]), np.array([[0.75, 0.25], [0.6, 0.4]], np.float32))


def test_a_row_says_which_image_what_it_is_and_what_was_answered(predictions):
    assert predictions[["image_id", "content", "true", "predicted"]].values.tolist() == [[3, "aa", 0, 0], [9, "bb", 1, 0]]
    assert predictions["confidence"].tolist() == pytest.approx([0.75, 0.6])
    assert predictions["margin"].tolist() == pytest.approx([0.5, 0.2])
    assert predictions["loss"].tolist() == pytest.approx([-np.log(0.75), -np.log(0.4)])


def test_what_is_written_is_read(tmp_path, predictions):
    write_predictions(tmp_path, "test", predictions, ("sea", "for\nest"))
    again = read_predictions(tmp_path, "test")
    flat = [column for column in predictions if column != "probabilities"]
    pd.testing.assert_frame_equal(again[flat], predictions[flat])
    assert np.array_equal(np.stack(again["probabilities"]), np.stack(predictions["probabilities"]))
    assert [file.name for file in tmp_path.iterdir()] == ["predictions-test.parquet"]


def test_an_empty_table_survives_too(tmp_path, predictions):
    write_predictions(tmp_path, "test", predictions[:0], ("sea", "forest"))
    assert list(read_predictions(tmp_path, "test").columns) == list(predictions.columns)


def test_a_missing_table_is_told(tmp_path):
    with pytest.raises(UserError, match="has no predictions for validation"):
        read_predictions(tmp_path, "validation")


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\0" * len(b), lambda b: b[:-6] + b"\xff\xff" + b[-4:]]
)
def test_a_damaged_table_is_told_with_the_way_out(tmp_path, predictions, damage):
    write_predictions(tmp_path, "test", predictions, ("sea", "forest"))
    file = tmp_path / "predictions-test.parquet"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError) as error:
        read_predictions(tmp_path, "test")
    assert error.value.message == f"predictions-test.parquet of run {tmp_path.name} is damaged."
    assert error.value.hint == f"Write it again: python -m engine evaluate {tmp_path.name} --split test"
