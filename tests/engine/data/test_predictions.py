"""The prediction table survives saving and loading; a damaged file is reported."""

import numpy as np
import pandas as pd
import pytest

from engine.core.errors import UserError
from engine.data.predictions import Predictions, prediction_table, read_predictions, write_predictions


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


def scored(contents, probabilities, classes, source="fast-1"):
    images = pd.DataFrame({"id": range(len(contents)), "path": "a.jpg", "hash": contents})
    return Predictions(
        prediction_table(images, np.zeros(len(contents), int), np.array(probabilities, np.float32)), classes, source
    )


def test_the_most_probable_classes_come_first_and_a_tie_keeps_the_order_of_the_classes():
    predictions = scored(["aa", "bb"], [[0.25, 0.5, 0.25], [0.1, 0.2, 0.7]], ("ice", "sea", "wood"))
    assert [[one.name for one in image] for image in predictions.top(2)] == [["sea", "ice"], ["wood", "sea"]]
    assert predictions.image(0).top() == predictions.top()[0] == (("sea", 0.5), ("ice", 0.25), ("wood", 0.25))
    assert predictions.confidence.tolist() == pytest.approx([0.5, 0.7])
    assert predictions.margin.tolist() == pytest.approx([0.25, 0.5])


def test_a_mean_is_of_the_contents_that_both_have_in_the_order_of_the_first_classes():
    first = scored(["aa", "bb", "bb"], [[0.9, 0.1], [0.6, 0.4], [0.0, 1.0]], ("ice", "sea"))
    second = scored(["bb", "cc"], [[0.8, 0.2], [0.5, 0.5]], ("sea", "ice"), "fast-2")
    mean = first.mean(second)
    assert mean.contents.tolist() == ["bb"], "of copies, the first counts"
    assert mean.probabilities[0] == pytest.approx([0.4, 0.6])
    assert (mean.predicted.tolist(), mean.source) == ([1], "fast-1 and fast-2")
    with pytest.raises(UserError, match="fast-2 and fast-1 were trained on different classes"):
        first.mean(scored(["aa"], [[1.0, 0.0]], ("ice", "wood"), "fast-2"))


class Catalog:
    """Columns of three images, the second of which was rewritten."""

    ids, names, label = np.array([0, 1, 5]), ("sea", "street", "wood"), np.array([2, 0, 1], np.int32)
    codes = {name: code for code, name in enumerate(names)}

    def __len__(self):
        return 3

    def marks(self, rows):
        return np.array([0xAA, 0xFF, 0xCC], np.uint64)[rows]


def test_predictions_meet_todays_catalog_by_id_and_content():
    predictions = scored([f"{mark:016x}" for mark in (0xAA, 0xBB, 0xCC)], [[0.2, 0.8], [0.9, 0.1], [0.6, 0.4]], ("ice", "wood"))
    aligned = predictions.aligned(Catalog())
    assert (aligned.rows.tolist(), aligned.positions.tolist()) == ([0], [0]), "one was rewritten, and the id of one is new"
    assert aligned.predicted.tolist() == aligned.labels.tolist() == [2], "by the catalog's codes of the classes"
    moved = Predictions(predictions.table.assign(image_id=[0, 1, 5]), ("ice", "wood")).aligned(Catalog())
    assert moved.rows.tolist() == [0, 2]
    assert moved.predicted.tolist() == [2, -1], "the catalog has no ice"
