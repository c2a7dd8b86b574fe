"""The scores agree with the references, and say what they do not know."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn import metrics as reference

from engine.data.predictions import outcomes
from engine.evaluation import metrics
from engine.runs import score_text

CLASSES = ("buildings", "forest", "glacier", "sea")


@pytest.fixture
def predictions():
    """300 answers that are right more often than not."""
    rng = np.random.default_rng(0)
    true = rng.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05])
    logits = rng.normal(size=(300, 4)) + 1.5 * np.eye(4)[true]
    return outcomes(true, softmax(logits, axis=1))


def table(pairs):
    return pd.DataFrame(pairs, columns=["true", "predicted"])


def test_confusion_and_scores_agree_with_scikit_learn(predictions):
    true, predicted = predictions["true"], predictions["predicted"]
    matrix = metrics.confusion(predictions, 4)
    assert np.array_equal(matrix, reference.confusion_matrix(true, predicted))
    assert metrics.accuracy(matrix).value == pytest.approx(reference.accuracy_score(true, predicted), abs=1e-12)
    assert metrics.macro_f1(matrix).value == pytest.approx(reference.f1_score(true, predicted, average="macro"), abs=1e-12)
    precision, recall, f1, support = reference.precision_recall_fscore_support(true, predicted)
    frame = metrics.per_class(matrix, CLASSES)
    assert frame["class"].tolist() == list(CLASSES)
    assert np.allclose(frame[["precision", "recall", "f1"]], np.stack([precision, recall, f1], axis=1))
    assert frame["support"].tolist() == support.tolist()
    assert frame["predicted"].tolist() == np.bincount(predicted, minlength=4).tolist()


def test_loss_confidence_and_margin_agree_with_scikit_learn(predictions):
    probabilities = np.stack(predictions["probabilities"])
    exact = probabilities.astype(np.float64)
    expected = reference.log_loss(predictions["true"], exact / exact.sum(axis=1, keepdims=True))
    assert predictions["loss"].mean() == pytest.approx(expected, rel=1e-5)
    ordered = np.sort(probabilities, axis=1)
    assert np.allclose(predictions["confidence"], ordered[:, -1])
    assert np.allclose(predictions["margin"], ordered[:, -1] - ordered[:, -2])


def test_a_certain_mistake_has_a_finite_loss():
    answers = outcomes(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert answers["loss"].tolist() == pytest.approx([-math.log(1e-12), 0.0])


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (17, 20), (940, 1000), (1, 3000)])
def test_the_interval_of_accuracy_is_wilsons(right, n):
    matrix = np.array([[right, n - right], [0, 0]])
    expected = binomtest(right, n).proportion_ci(method="wilson")
    score = metrics.accuracy(matrix)
    assert (score.value, score.low, score.high) == pytest.approx((right / n, expected.low, expected.high), abs=1e-6)


def test_the_interval_of_macro_f1_holds_the_score_and_repeats(predictions):
    matrix = metrics.confusion(predictions, 4)
    score = metrics.macro_f1(matrix)
    assert 0 < score.low < score.value < score.high < 1
    assert metrics.macro_f1(matrix) == score
    assert metrics.macro_f1(matrix, seed=1) != score


def test_the_interval_is_that_of_resampling_images(predictions):
    rng = np.random.default_rng(5)
    true, predicted = predictions["true"].to_numpy(), predictions["predicted"].to_numpy()
    draws = (rng.integers(300, size=300) for _ in range(500))
    scores = [reference.f1_score(true[d], predicted[d], average="macro", zero_division=0) for d in draws]
    score = metrics.macro_f1(metrics.confusion(predictions, 4))
    assert (score.low, score.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])), abs=0.02)


def test_the_interval_holds_the_true_score_about_as_often_as_it_says():
    chances = np.array([[30, 6, 2], [5, 40, 5], [1, 6, 25]]) / 120
    truth = metrics.macro_f1((chances * 1e6).astype(int)).value
    samples = np.random.default_rng(0).multinomial(400, chances.ravel(), size=200).reshape(-1, 3, 3)
    held = sum((s := metrics.macro_f1(sample)).low <= truth <= s.high for sample in samples)
    assert 0.89 <= held / 200 <= 0.99


def test_more_images_make_a_narrower_interval():
    matrix = np.array([[80, 20], [10, 90]])
    widths = [(s := metrics.macro_f1(matrix * k)).high - s.low for k in (1, 4, 16)]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.15)
    assert widths[1] / widths[2] == pytest.approx(2, rel=0.15)


def test_a_rate_without_a_denominator_is_nan_and_null():
    matrix = metrics.confusion(table([(0, 0), (0, 0), (1, 0)]), 4)
    frame = metrics.per_class(matrix, CLASSES).set_index("class")
    assert frame.loc["buildings", ["precision", "recall"]].tolist() == pytest.approx([2 / 3, 1.0])
    assert math.isnan(frame.loc["forest", "precision"])
    assert (frame.loc["forest", "recall"], frame.loc["forest", "f1"]) == (0.0, 0.0)
    assert frame.loc["sea", ["precision", "recall", "f1"]].isna().all()
    assert metrics.macro_f1(matrix).value == pytest.approx((0.8 + 0.0) / 2)


def test_macro_f1_is_the_mean_over_the_classes_that_have_images():
    """A folder with three of the six classes, in which 86.7% are right: answers in the other classes are errors, not classes of F1 0."""
    matrix = np.zeros((6, 6), int)
    matrix[0, :4] = 4, 0, 0, 1
    matrix[1, 1], matrix[2, 2], matrix[2, 4] = 5, 4, 1
    score = metrics.macro_f1(matrix)
    assert metrics.accuracy(matrix).value == pytest.approx(13 / 15)
    assert score.value == pytest.approx((8 / 9 + 1 + 8 / 9) / 3)
    assert score.value == pytest.approx(
        reference.f1_score(*np.repeat(np.argwhere(matrix), matrix[matrix > 0], axis=0).T, labels=[0, 1, 2], average="macro")
    )
    assert 0.7 < score.low < score.value < score.high <= 1
    assert metrics.macro_f1_classes(matrix) == {"scored": 3, "all": 6}
    by_class = metrics.per_class_intervals(matrix, list("abcdef"))
    assert by_class["f1"].mean() == pytest.approx(score.value), "the classes of the table are those of the mean"
    assert by_class.loc[3:, ["f1", "f1_low", "f1_high"]].isna().all(axis=None)
    swapped = matrix[:, [0, 1, 2, 4, 3, 5]]
    assert metrics.macro_f1(swapped).value == score.value, "whichever absent class they are taken for"


def test_the_text_says_over_how_many_classes_and_which_are_missing():
    frame = table([(0, 0)] * 4 + [(0, 2)] + [(1, 1)] * 5)
    document = metrics.score_predictions(frame.assign(loss=0.1), CLASSES)
    assert document["macro_f1_classes"] == {"scored": 2, "all": 4}
    assert score_text.macro_f1(document).startswith("0.944 (")
    assert score_text.macro_f1(document).endswith(") over 2 of 4 classes")
    assert score_text.unscored_classes(document).startswith("There are no images of glacier, sea: ")
    whole = metrics.score_predictions(table([(i, i) for i in range(4)] + [(0, 1)]).assign(loss=0.1), CLASSES)
    assert (score_text.scored_classes(whole), score_text.unscored_classes(whole)) == ("", "")
    assert score_text.scored_classes({"macro_f1": {}}) == "", "a run from before this was written down"


def test_nothing_to_score_is_nan_and_no_warning(recwarn):
    matrix = np.zeros((4, 4), int)
    for score in (metrics.accuracy(matrix), metrics.macro_f1(matrix)):
        assert all(math.isnan(v) for v in (score.value, score.low, score.high))
    assert len(metrics.confused_pairs(matrix, CLASSES)) == 0
    assert not recwarn.list


def test_confused_pairs_count_both_directions_the_worst_first():
    matrix = np.array([[9, 0, 1, 0], [0, 8, 0, 2], [4, 0, 6, 0], [0, 0, 0, 5]])
    pairs = metrics.confused_pairs(matrix, CLASSES)
    assert pairs.values.tolist() == [["buildings", "glacier", 1, 4, 5, 20], ["forest", "sea", 2, 0, 2, 15]]
    assert list(pairs.columns) == ["a", "b", "a_as_b", "b_as_a", "errors", "support"]
    assert pairs["errors"].sum() == matrix.sum() - np.trace(matrix)


def test_an_evaluation_is_json_with_counts_beside_rates(predictions):
    document = metrics.score_predictions(predictions, CLASSES)
    again = json.loads(json.dumps(document, allow_nan=False, default=lambda value: value.item()))
    assert again["n"] == 300 == sum(map(sum, again["confusion"])) == sum(row["support"] for row in again["per_class"])
    assert again["classes"] == list(CLASSES)
    assert set(again["macro_f1"]) == {"value", "low", "high"} == set(again["accuracy"])
    assert again["small"] is False
    assert metrics.score_predictions(predictions[:99], CLASSES)["small"] is True
    lonely = metrics.score_predictions(predictions[predictions["true"] == 0], (*CLASSES, "never"))
    assert lonely["per_class"][4] == {
        "class": "never",
        "precision": None,
        "recall": None,
        "f1": None,
        "support": 0,
        "predicted": 0,
    }


def test_a_perfect_score_on_few_images_is_not_certain():
    perfect = metrics.macro_f1(np.diag([6, 6, 6]))
    assert perfect.value == 1.0 and perfect.high == 1.0
    assert perfect.low == metrics.accuracy(np.diag([6, 6, 6])).low < 0.85
