"""Matrices between any two of truth, run A and run B; the order of their classes."""

import numpy as np
import pandas as pd
import pytest
from scipy.cluster import hierarchy
from sklearn.metrics import confusion_matrix

from engine.core.errors import UserError
from engine.data.predictions import Predictions
from engine.evaluation import class_ordering
from engine.evaluation.cross_confusion import Axis, cross_tabulate

CLASSES = ("ice", "rock", "sea", "wood")


@pytest.fixture
def tables():
    """Two runs' answers on 200 images, the second in another order and with 20 images of its own."""
    rng = np.random.default_rng(0)
    contents = np.array([f"{number:032x}" for number in range(220)])
    true = rng.integers(0, 4, 220)
    answers = [np.where(rng.random(220) < share, true, rng.integers(0, 4, 220)) for share in (0.8, 0.6)]
    table = pd.DataFrame({"content": contents, "true": true})
    first = table.assign(predicted=answers[0])[:200].reset_index(drop=True)
    second = table.assign(predicted=answers[1])[20:].sample(frac=1, random_state=1).reset_index(drop=True)
    return first, second


def test_truth_against_a_run_is_the_confusion_matrix_and_turns_round(tables):
    first, _ = tables
    expected = confusion_matrix(first["true"], first["predicted"])
    straight = cross_tabulate(Axis(Predictions(first, CLASSES), truth=True), Axis(Predictions(first, CLASSES)))
    assert np.array_equal(straight.matrix, expected)
    assert np.array_equal(
        cross_tabulate(Axis(Predictions(first, CLASSES)), Axis(Predictions(first, CLASSES), truth=True)).matrix, expected.T
    )


def test_two_runs_are_matched_by_content_whatever_their_order(tables):
    first, second = tables
    result = cross_tabulate(Axis(Predictions(first, CLASSES)), Axis(Predictions(second, CLASSES)))
    both = first.merge(second, on="content")
    assert (len(result), result.sizes, result.relabelled) == (180, (200, 200), 0)
    assert np.array_equal(result.matrix, confusion_matrix(both["predicted_x"], both["predicted_y"]))
    assert (first["content"].to_numpy()[result.places] == second["content"].to_numpy()[result.other_places]).all()


def test_copies_of_an_image_are_each_answered(tables):
    first, second = tables
    doubled = pd.concat([first, first[:5]], ignore_index=True)
    assert len(cross_tabulate(Axis(Predictions(doubled, CLASSES)), Axis(Predictions(first, CLASSES)))) == 205
    assert len(cross_tabulate(Axis(Predictions(first, CLASSES)), Axis(Predictions(doubled, CLASSES)))) == 200


def test_runs_of_other_classes_meet_by_the_classes_names(tables):
    first, second = tables
    others = ("wood", "sea", "sand", "ice")
    renamed = second.assign(
        true=second["true"].map({0: 3, 1: 2, 2: 1, 3: 0}), predicted=second["predicted"].map({0: 3, 1: 2, 2: 1, 3: 0})
    )
    result = cross_tabulate(Axis(Predictions(first, CLASSES)), Axis(Predictions(renamed, others)))
    assert result.classes == (*CLASSES, "sand")
    assert (result.only_rows, result.only_columns) == (("rock",), ("sand",))
    same = cross_tabulate(Axis(Predictions(first, CLASSES)), Axis(Predictions(second, CLASSES)))
    assert np.array_equal(result.matrix[:4, [0, 4, 2, 3]], same.matrix)
    assert result.relabelled == int((first["true"].to_numpy()[same.places] == 1).sum())


def test_runs_without_a_common_image_say_so(tables):
    first, second = tables
    with pytest.raises(UserError, match="no image in common"):
        cross_tabulate(Axis(Predictions(first[:20], CLASSES)), Axis(Predictions(second, CLASSES)))


def test_classes_that_are_taken_for_each_other_stand_together():
    matrix = np.full((6, 6), 1)
    np.fill_diagonal(matrix, 90)
    for a, b in ((0, 5), (1, 4), (2, 3)):
        matrix[a, b] = matrix[b, a] = 20
    order = class_ordering.similarity_order(matrix).tolist()
    assert sorted(order) == list(range(6))
    assert all(abs(order.index(a) - order.index(b)) == 1 for a, b in ((0, 5), (1, 4), (2, 3)))


def test_no_order_of_the_tree_s_leaves_is_shorter():
    """Optimal leaf ordering: the sum of the distances of neighbours, against SciPy's plain order."""
    rng = np.random.default_rng(3)
    matrix = rng.poisson(2, (12, 12)) + 50 * np.eye(12, dtype=int)
    near = class_ordering.confusability(matrix)
    apart = 1 - near / near.max()
    np.fill_diagonal(apart, 0)
    plain = hierarchy.leaves_list(hierarchy.linkage(apart[np.triu_indices(12, 1)], "average"))

    def length(order):
        return sum(apart[a, b] for a, b in zip(order[:-1], order[1:], strict=True))

    assert length(class_ordering.similarity_order(matrix)) <= length(plain)


def test_an_order_needs_no_errors_and_no_images():
    assert sorted(class_ordering.similarity_order(np.eye(5, dtype=int) * 7)) == list(range(5))
    assert sorted(class_ordering.similarity_order(np.zeros((4, 4), int))) == list(range(4))
    assert class_ordering.similarity_order(np.array([[3]])).tolist() == [0]


def test_of_many_classes_the_most_confused_and_those_around_a_class():
    matrix = np.diag(np.full(50, 10))
    matrix[7, 31] = 5
    matrix[2, 40] = 3
    assert class_ordering.most_confused(matrix, 4).tolist() == [2, 7, 31, 40]
    assert class_ordering.nearest_classes(matrix, np.array([31]), 20).tolist() == [7, 31]
    assert class_ordering.nearest_classes(matrix, np.array([9]), 20).tolist() == [9]
