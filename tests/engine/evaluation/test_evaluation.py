"""Calibration, coverage, prediction sets and curves agree with the references, and say what they cannot know."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn import calibration as reference_calibration
from sklearn import metrics as reference

from engine.core.errors import UserError
from engine.data.predictions import Predictions, outcomes
from engine.evaluation import calibration, conformal, metrics, roc, selective

CLASSES = ("buildings", "forest", "glacier", "sea")


def drawn(n, seed=0, sharpness=1.0):
    """Logits, and truths that follow their softmax exactly: answers `sharpness` times too sharp are miscalibrated by just that."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, len(CLASSES)))
    exact = softmax(logits, axis=1)
    true = (exact.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return softmax(sharpness * logits, axis=1), true


@pytest.fixture(scope="module")
def answers():
    return drawn(1500, sharpness=2.0)


def test_a_reliability_diagram_agrees_with_scikit_learn(answers):
    probabilities, true = answers
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    for equal_mass, strategy in ((False, "uniform"), (True, "quantile")):
        result = calibration.reliability(confidence, right, 10, equal_mass)
        rate, mean = reference_calibration.calibration_curve(right, confidence, n_bins=10, strategy=strategy)
        assert np.allclose(result["accuracy"], rate)
        assert np.allclose(result["confidence"], mean)
        assert result["n"].sum() == len(true)
        assert ((result["accuracy_low"] <= result["accuracy"]) & (result["accuracy"] <= result["accuracy_high"])).all()
        by_hand = np.average(np.abs(rate - mean), weights=result["n"])
        assert calibration.expected_error(result) == pytest.approx(by_hand)


def test_the_brier_score_and_loss_agree_with_scikit_learn(answers):
    probabilities, true = answers
    result = calibration.calibration(probabilities, true)
    assert result.brier == pytest.approx(reference.brier_score_loss(true, probabilities, scale_by_half=False))
    assert result.loss == pytest.approx(reference.log_loss(true, probabilities))


def test_a_calibrated_model_is_not_called_miscalibrated_and_a_sharpened_one_is():
    assert sum(calibration.calibration(*drawn(400, seed)).beyond_chance for seed in range(40)) <= 6  # 5% of 40, and luck
    assert all(calibration.calibration(*drawn(400, seed, sharpness=2.0)).beyond_chance for seed in range(10))


def test_the_temperature_is_taken_back_out_of_a_table():
    logits = np.random.default_rng(0).normal(0, 3, (50, 4))
    table = outcomes(np.zeros(50, int), softmax(logits / 1.7, axis=1))
    assert np.allclose(
        calibration.remove_temperature(Predictions(table, CLASSES).probabilities, 1.7), softmax(logits, axis=1), atol=1e-5
    )


def test_the_right_temperature_mends_calibration():
    probabilities, true = drawn(3000, sharpness=2.0)
    recalibrated = calibration.remove_temperature(probabilities, 0.5)  # the logits at half their size
    table = outcomes(true, recalibrated)
    both = calibration.before_and_after(Predictions(table, CLASSES), 2.0)
    assert both["before"].beyond_chance
    assert not both["after"].beyond_chance
    assert both["after"].loss < both["before"].loss


def test_sure_and_wrong_counts_what_is_both():
    table = pd.DataFrame({"true": [0, 0, 1, 1], "predicted": [0, 1, 1, 0], "confidence": [0.99, 0.95, 0.6, 0.5]})
    result = calibration.confident_errors(Predictions(table, CLASSES), (0.5, 0.9, 0.999))
    assert result[["n", "wrong"]].values.tolist() == [[4, 2], [2, 1], [0, 0]]
    assert np.isnan(result["rate"].iloc[2])


def test_accuracy_by_coverage_is_that_of_the_surest_answers():
    confidence, right = np.array([0.9, 0.8, 0.8, 0.6]), np.array([True, True, False, False])
    curve = selective.risk_coverage(confidence, right)
    assert curve[["threshold", "kept", "errors"]].values.tolist() == [[0.9, 1, 0], [0.8, 3, 1], [0.6, 4, 2]]
    assert selective.threshold_for(confidence, right, 0.6) == 0.8
    assert selective.threshold_for(confidence, right, 0.5) == 0.6
    assert selective.threshold_for(confidence[::-1], np.array([False, True, False, False]), 0.9) is None
    score = selective.score_at_threshold(confidence, right, 0.7)
    assert (score.answered, score.errors, score.coverage) == (3, 1, 0.75)


def test_the_area_under_the_risk_coverage_curve_is_the_mean_over_its_steps(answers):
    probabilities, true = answers
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    order = np.argsort(-confidence)
    by_hand = np.mean(np.cumsum(~right[order]) / np.arange(1, len(true) + 1))
    assert selective.aurc(confidence, right) == pytest.approx(by_hand)
    perfect = selective.aurc(right.astype(float) + confidence / 10, right)
    assert selective.best_aurc(1 - right.mean(), len(true)) == pytest.approx(perfect)
    assert selective.aurc(np.full(10, 0.7), np.arange(10) < 5) == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "coverage"), [(99, 0.9), (250, 0.8), (40, 0.95)])
def test_prediction_sets_cover_as_often_as_their_law_says(n, coverage):
    """On exchangeable images the coverage is beta-binomial, of which the mean is k / (n + 1)."""
    rng, test = np.random.default_rng(0), 200
    rank = int(np.ceil((n + 1) * coverage))
    result = []
    for _ in range(120):
        probabilities = rng.dirichlet(np.full(8, 0.2), n + test)
        true = (probabilities.cumsum(axis=1) > rng.random((n + test, 1))).argmax(axis=1)
        sets = conformal.conformal_sets((probabilities[:n], true[:n]), (probabilities[n:], true[n:]), coverage)
        if sets.expected is not None:
            result.append(sets.covers_true.sum())
    assert len(result) > 100
    law = stats.betabinom(test, rank, n + 1 - rank)
    assert np.mean(result) / test == pytest.approx(rank / (n + 1), abs=4 * law.std() / test / np.sqrt(len(result)))
    low, high = conformal.expected_coverage(n, test, coverage)
    inside = np.mean((np.array(result) / test >= low) & (np.array(result) / test <= high))
    assert 0.88 <= inside <= 1.0


def test_a_set_is_never_empty_and_holds_every_class_where_validation_is_too_small():
    probabilities, true = drawn(30)
    strict = conformal.conformal_sets((probabilities, true), (probabilities, true), 0.99)
    assert strict.unlimited == len(CLASSES)
    assert strict.sets.all()
    easy = conformal.conformal_sets((probabilities, true), (probabilities, true), 0.5)
    assert (easy.sets.sum(axis=1) >= 1).all()
    assert easy.sets[np.arange(30), probabilities.argmax(axis=1)].all()


def test_thresholds_by_class_cover_a_hard_class_as_often():
    rng = np.random.default_rng(1)
    true = rng.integers(0, 2, 6000)
    # Class 1 is hard: its answers lean to class 0 more often than not.
    lean = np.where(true == 0, rng.normal(2, 1, 6000), rng.normal(0.3, 1, 6000))
    probabilities = softmax(np.stack([lean, np.zeros(6000)], axis=1), axis=1)
    halves = (probabilities[:3000], true[:3000]), (probabilities[3000:], true[3000:])
    shared, own = (conformal.conformal_sets(*halves, 0.9, method).by_class(("a", "b")) for method in conformal.METHODS)
    assert shared["coverage"].min() < 0.87
    assert own["coverage"].min() > 0.87


def test_sets_are_counted_by_size_and_class():
    probabilities, true = drawn(400, sharpness=0.5)
    result = conformal.conformal_sets((probabilities, true), drawn(300, seed=1, sharpness=0.5), 0.9)
    sizes, by_class = result.sizes(), result.by_class((*CLASSES, "street"))
    assert sizes["n"].sum() == by_class["n"].sum() == 300
    assert (sizes["n"] * sizes["held"]).sum() == pytest.approx(result.covers_true.sum())
    assert result.size == pytest.approx((sizes["size"] * sizes["share"]).sum())
    assert np.isnan(by_class.set_index("class").loc["street", "coverage"])


@pytest.mark.parametrize(("coverage", "method"), [(1.0, "lac"), (0.2, "lac"), (0.9, "magic")])
def test_a_coverage_or_method_that_there_is_not_is_refused(coverage, method):
    with pytest.raises(UserError):
        conformal.conformal_sets(drawn(20), drawn(20), coverage, method)


def test_curves_and_their_areas_agree_with_scikit_learn(answers):
    probabilities, true = answers
    scores, positive = np.round(probabilities[:, 1], 2), true == 1  # with many ties
    auc, ap = roc.areas(scores, positive)
    assert auc.value == pytest.approx(reference.roc_auc_score(positive, scores))
    assert ap.value == pytest.approx(reference.average_precision_score(positive, scores))
    assert auc.low < auc.value < auc.high
    points = roc.roc_curve(scores, positive)
    false, recall, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    assert np.allclose(points["false_positive_rate"], false)
    assert np.allclose(points["recall"], recall)
    precision, recall, _ = reference.precision_recall_curve(positive, scores)
    assert np.allclose(points["precision"].iloc[1:], precision[-2::-1])
    thin = roc.thin_curve(roc.roc_curve(probabilities[:, 1], positive), 50)
    assert len(thin) <= 52
    assert thin.iloc[-1]["recall"] == 1.0


def test_the_interval_of_an_area_is_that_of_delong():
    """DeLong's variance (1988), by its definition on placements."""
    probabilities, true = drawn(800, seed=3)
    scores, positive = probabilities[:, 0], true == 0
    own, others = scores[positive], scores[~positive]
    wins = (own[:, None] > others) + 0.5 * (own[:, None] == others)
    spread = np.sqrt(wins.mean(axis=1).var(ddof=1) / len(own) + wins.mean(axis=0).var(ddof=1) / len(others))
    auc, _ = roc.areas(scores, positive)
    assert (auc.high - auc.low) / 2 == pytest.approx(1.96 * spread, rel=0.15)


def test_a_class_without_test_images_has_no_area_and_no_rate(answers):
    probabilities, true = answers
    result = roc.areas_by_class(np.column_stack([probabilities, np.zeros(len(true))]), true, (*CLASSES, "street")).set_index(
        "class"
    )
    assert np.isnan(result.loc["street", ["auc", "ap"]].astype(float)).all()
    assert result.loc["street", "n"] == 0
    matrix = np.diag([5, 4, 0, 0]).astype(int)
    table = metrics.per_class_intervals(matrix, CLASSES).set_index("class")
    assert np.isnan(table.loc["sea", ["recall_low", "f1_low", "precision_high"]].astype(float)).all()
    assert table.loc["forest", "f1_low"] == table.loc["forest", "recall_low"] < 1


def test_the_intervals_of_a_class_agree_with_a_bootstrap_over_images(answers):
    probabilities, true = answers
    predicted = probabilities.argmax(axis=1)
    matrix = reference.confusion_matrix(true, predicted)
    table = metrics.per_class_intervals(matrix, CLASSES)
    rng = np.random.default_rng(5)
    drawn = [rng.integers(0, len(true), len(true)) for _ in range(200)]
    hits = [np.bincount(true[rows][true[rows] == predicted[rows]], minlength=4) for rows in drawn]
    totals = [np.bincount(true[rows], minlength=4) + np.bincount(predicted[rows], minlength=4) for rows in drawn]
    f1 = 2 * np.array(hits) / np.array(totals)
    assert np.allclose(table["f1_low"], np.quantile(f1, 0.025, axis=0), atol=0.015)
    assert np.allclose(table["f1_high"], np.quantile(f1, 0.975, axis=0), atol=0.015)
    exact = stats.binomtest(int(matrix[0, 0]), int(matrix[0].sum())).proportion_ci(method="wilson")
    assert np.allclose(table.loc[0, ["recall_low", "recall_high"]].astype(float), [exact.low, exact.high], atol=1e-6)


def test_a_table_that_was_cut_short_or_is_of_other_classes_is_refused_in_a_sentence():
    probabilities, true = drawn(20)
    table = outcomes(true, probabilities)
    assert len(Predictions(table, CLASSES, "fast-1").check("test")) == 20
    with pytest.raises(UserError, match=r"cut short: a row has 4 probabilities for 3 classes"):
        Predictions(table, CLASSES[:3], "fast-1").check("test")
    with pytest.raises(UserError, match="hold no image"):
        Predictions(table.head(0), CLASSES, "fast-1").check("test")
    table.loc[3, "true"] = 9
    with pytest.raises(UserError, match="do not fit the run's classes"):
        Predictions(table, CLASSES, "fast-1").check("test")
