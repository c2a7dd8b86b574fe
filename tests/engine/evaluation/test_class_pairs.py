"""Two confused classes: how often, and what sets the mistaken images apart."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engine.data.predictions import Predictions, outcomes
from engine.embeddings.neighbours import write_index
from engine.evaluation import class_pairs
from engine.evaluation.metrics import confused_pairs, confusion


@pytest.fixture
def predictions():
    """600 answers on four classes."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(600, 4))
    true = rng.integers(0, 4, 600)
    logits[np.arange(600), true] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = outcomes(true, probabilities)
    contents = [f"{number + 1:016x}{'0' * 16}" for number in range(600)]
    return Predictions(table.assign(image_id=np.arange(600) * 2 + 1, content=contents), tuple("abcd"))


def test_pairs_are_ranked_with_both_directions_and_their_intervals(predictions):
    matrix = confusion(predictions.table, 4)
    result = class_pairs.rank_pairs(matrix)
    plain = confused_pairs(matrix, range(4))
    assert (
        result[["a", "b", "errors", "a_as_b", "b_as_a"]].values.tolist()
        == plain[["a", "b", "errors", "a_as_b", "b_as_a"]].values.tolist()
    )
    row = result.iloc[0]
    expected = stats.binomtest(int(row["b_as_a"]), int(row["b_images"])).proportion_ci(method="wilson")
    assert row["b_rate"] == row["b_as_a"] / matrix[int(row["b"])].sum()
    assert (row["b_low"], row["b_high"]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_class_without_images_has_no_rate():
    result = class_pairs.rank_pairs(np.array([[5, 2], [0, 0]]))
    assert result["a_rate"].tolist() == [2 / 7]
    assert result[["b_rate", "b_low"]].isna().all(axis=None)
    assert not len(class_pairs.rank_pairs(np.diag([3, 4])))


def test_the_groups_are_the_four_cells_of_the_pair(predictions):
    groups = class_pairs.group_images(predictions, 1, 3)
    assert sum(map(len, groups.by_name().values())) == int(confusion(predictions.table, 4)[np.ix_([1, 3], [1, 3])].sum())
    assert (predictions.table.iloc[groups.a_as_b]["true"] == 1).all()
    assert (predictions.table.iloc[groups.a_as_b]["predicted"] == 3).all()


def test_the_images_between_two_classes_have_just_these_on_top(predictions):
    result = class_pairs.borderline_images(predictions, 0, 2)
    expected = [
        index
        for index, row in predictions.table.iterrows()
        if row["true"] in (0, 2) and set(np.argsort(row["probabilities"])[-2:]) == {0, 2}
    ]
    assert sorted(result.index) == expected
    assert result["margin"].is_monotonic_increasing
    assert not len(class_pairs.borderline_images(predictions.take(np.arange(0)), 0, 2))


def test_a_property_that_differs_is_found_and_one_that_does_not_is_not(predictions):
    rng = np.random.default_rng(5)
    groups = class_pairs.group_images(predictions, 0, 1)
    values = pd.DataFrame({"brightness": rng.normal(0.5, 0.1, 600), "contrast": rng.normal(0.2, 0.05, 600)})
    values.loc[groups.a_as_b, "brightness"] += 0.2
    values.loc[groups.b_right[:3], "contrast"] = np.nan
    result = class_pairs.differences(values, groups).set_index(["first", "second", "property"])
    row = result.loc["a_as_b", "a_right", "brightness"]
    one, other = (values["brightness"].to_numpy()[places] for places in (groups.a_as_b, groups.a_right))
    test = stats.mannwhitneyu(one, other)
    assert row["delta"] == pytest.approx(2 * test.statistic / len(one) / len(other) - 1)
    assert row["p"] == pytest.approx(test.pvalue)
    assert row["low"] < row["delta"] < row["high"]
    assert row["p_holm"] < 0.001
    assert result.loc["a_right", "b_right", "contrast"]["p_holm"] > 0.05
    assert result.loc["b_as_a", "b_right", "contrast"]["n_second"] == len(groups.b_right) - 3
    names = {"a_as_b": "A as B", "a_right": "A", "b_as_a": "B as A", "b_right": "B"}
    (sentence,) = class_pairs.sentences(result.reset_index(), names)
    assert sentence.startswith("A as B against A: higher brightness (large: median 0.7")


def test_small_groups_are_not_compared(predictions):
    groups = class_pairs.Groups(np.arange(40), np.arange(40, 44), np.array([], int), np.arange(50, 90))
    result = class_pairs.differences(pd.DataFrame({"brightness": np.linspace(0, 1, 600)}), groups)
    assert set(zip(result["first"], result["second"], strict=True)) == {("a_right", "b_right")}
    assert not len(class_pairs.differences(pd.DataFrame({"brightness": np.ones(600)}), groups)), "one value for all says nothing"


def test_a_property_that_is_nearly_constant_is_not_compared():
    """150 pixels nearly everywhere: an interval of 0.2 around a delta of 0 would be the formula's, not the data's."""
    groups = class_pairs.Groups(np.arange(0, 200), np.arange(200, 222), np.array([], int), np.arange(300, 500))
    height = np.full(600, 150.0)
    height[[0, 1, 300, 301, 302]] = 113, 100, 76, 142, 149
    varied = height.copy()
    varied[200:205] = 100
    result = class_pairs.differences(
        pd.DataFrame({"height": height, "width": varied, "brightness": np.linspace(0, 1, 600)}), groups
    )
    assert set(result.loc[result["first"] == "a_as_b", "property"]) == {"width", "brightness"}
    assert set(result.loc[result["first"] == "a_right", "property"]) == {"brightness"}


def test_the_interval_of_cliffs_delta_agrees_with_the_bootstrap_and_covers():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.6, 1, 60), rng.normal(0, 1, 90)

    def delta(a, b):
        return 2 * stats.mannwhitneyu(a, b).statistic / len(a) / len(b) - 1

    drawn = [delta(rng.choice(one, 60), rng.choice(other, 90)) for _ in range(600)]
    assert class_pairs.delta_interval(delta(one, other), 60, 90) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.06)
    truth = 2 * stats.norm.cdf(0.6 / np.sqrt(2)) - 1
    held = 0
    for _ in range(400):
        low, high = class_pairs.delta_interval(delta(rng.normal(0.6, 1, 25), rng.normal(0, 1, 40)), 25, 40)
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 0.985


def test_what_a_comparison_of_few_images_can_miss_is_the_interval_of_no_difference():
    sizes = pd.DataFrame({"n_first": [200, 10], "n_second": [300, 200]})
    assert class_pairs.undetected_delta(sizes) == pytest.approx(class_pairs.delta_interval(0.0, 10, 200)[1])
    assert class_pairs.undetected_delta(sizes) == pytest.approx(0.34, abs=0.005)


def test_groups_that_do_not_overlap_have_an_interval_all_the_same():
    low, high = class_pairs.delta_interval(1.0, 6, 8)
    assert 0.2 < low < 0.9
    assert high == pytest.approx(1)
    assert class_pairs.delta_interval(-1.0, 6, 8) == pytest.approx((-high, -low), abs=1e-6)


def test_images_lie_between_the_two_centres(predictions, tmp_path):
    rng = np.random.default_rng(2)
    groups = class_pairs.group_images(predictions, 0, 1)
    vectors = rng.normal(0, 0.05, (600, 8)) + np.eye(8)[predictions.true]
    vectors[groups.a_as_b] = np.eye(8)[1] + rng.normal(0, 0.05, (len(groups.a_as_b), 8))
    marks = predictions.marks
    marks[groups.a_right[0]] += np.uint64(1)  # rewritten since
    index = write_index(tmp_path, [(predictions.ids, marks, vectors.astype(np.float32))], {"digest": "0f"})
    ids = predictions.ids
    result = class_pairs.project_on_axis(index, predictions, (ids[groups.a_right], ids[groups.b_right]), groups)
    assert {name: len(values) for name, values in result.items()} == {
        name: len(places) - (name == "a_right") for name, places in groups.by_name().items()
    }
    assert np.median(result["a_right"]) == pytest.approx(0, abs=0.05)
    assert np.median(result["b_right"]) == pytest.approx(1, abs=0.05)
    assert np.median(result["a_as_b"]) == pytest.approx(1, abs=0.1), "they look like the other class"
    assert class_pairs.project_on_axis(index, predictions, (ids[groups.a_right], np.array([], int)), groups) == {}
