"""Two runs are compared on the same images: what changed, how sure that is, and what cannot be compared."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as reference

from engine.data.predictions import Predictions
from engine.evaluation import comparison, metrics

CLASSES = ("forest", "glacier", "sea")


def table(true, predicted, contents=None, classes=CLASSES, source="B"):
    n = len(true)
    contents = [f"{i:032x}" for i in range(n)] if contents is None else contents
    frame = pd.DataFrame(
        {
            "image_id": np.arange(n), "path": [f"test/{i}.jpg" for i in range(n)], "content": contents,
            "true": true, "predicted": predicted, "confidence": 0.9,
        }
    )  # fmt: skip
    return Predictions(frame, classes, source)


@pytest.fixture(scope="module")
def pair():
    """400 images; B makes fewer errors, in the sea above all."""
    rng = np.random.default_rng(0)
    true = rng.choice(3, 400, p=[0.5, 0.3, 0.2])
    a = np.where(rng.random(400) < 0.75, true, rng.integers(0, 3, 400))
    b = np.where((true == 2) | (rng.random(400) < 0.8), true, a)
    return table(true, a), table(true, b)


def test_each_image_is_fixed_broken_or_neither(pair):
    a, b = pair
    result = comparison.compare(a, b)
    right_a, right_b = a.right, b.right
    assert result.counts[comparison.FIXED] == (~right_a & right_b).sum()
    assert result.counts[comparison.BROKEN] == (right_a & ~right_b).sum()
    wrong = ~right_a & ~right_b
    assert result.counts[comparison.DIFFERENT] == (wrong & (a.predicted != b.predicted)).sum()
    assert sum(result.counts.values()) == len(result) == 400
    fixed = result.with_fate(comparison.FIXED)
    assert (fixed["answer_b"] == fixed["true"]).all()
    assert (fixed["answer_a"] != fixed["true"]).all()


@pytest.mark.parametrize(("fixed", "broken"), [(31, 18), (3, 0), (0, 0), (5, 5), (1, 12)])
def test_mcnemars_test_agrees_with_the_binomial_law(fixed, broken):
    n, less = fixed + broken, min(fixed, broken)
    by_hand = min(1.0, 2 * stats.binom.cdf(less, n, 0.5)) if n else 1.0
    assert comparison.mcnemar(fixed, broken) == pytest.approx(by_hand)


def test_scores_and_their_differences_agree_with_scikit_learn(pair):
    a, b = pair
    result = comparison.measure_difference(comparison.compare(a, b))
    scores = [
        (reference.accuracy_score(t.true, t.predicted), reference.f1_score(t.true, t.predicted, average="macro")) for t in pair
    ]
    assert (result.a["accuracy"], result.a["macro_f1"]) == pytest.approx(scores[0])
    assert result.accuracy.value == pytest.approx(scores[1][0] - scores[0][0])
    assert result.macro_f1.value == pytest.approx(scores[1][1] - scores[0][1])
    recalls = [reference.recall_score(t.true, t.predicted, average=None) for t in pair]
    assert np.allclose(result.by_class["recall"], recalls[1] - recalls[0])
    sea = result.by_class.set_index("class").loc["sea"]
    assert sea["recall_low"] > 0
    assert sea["broken"] == 0
    assert (result.by_class["p_holm"] >= result.by_class["p"]).all()


def test_the_interval_of_the_difference_is_paired(pair):
    """The closed form: the variance of the mean of the images' differences, -1, 0 or 1."""
    a, b = pair
    differences = b.right.astype(int) - a.right.astype(int)
    half = 1.96 * differences.std() / np.sqrt(len(differences))
    result = comparison.measure_difference(comparison.compare(a, b)).accuracy
    assert result.low == pytest.approx(differences.mean() - half, abs=0.006)
    assert result.high == pytest.approx(differences.mean() + half, abs=0.006)


def test_the_verdict_is_a_sentence_that_says_whether_it_may_be_chance(pair):
    better = comparison.compare(*pair)
    text = comparison.verdict(better, comparison.measure_difference(better), ("fast-1", "fast-2"))
    assert text.startswith(f"fast-2 fixes {better.counts[comparison.FIXED]} of fast-1's errors and breaks ")
    assert "fast-2 is better on these images, and chance does not explain it" in text
    true = np.zeros(40, int)
    a, b = true.copy(), true.copy()
    a[:5], b[5:8] = 1, 1
    close = comparison.compare(table(true, a), table(true, b))
    text = comparison.verdict(close, comparison.measure_difference(close))
    assert text.startswith("B fixes 5 of A's errors and breaks 3: +5.0 points (")
    assert text.endswith("which may be chance (p = 0.73).")
    same = comparison.compare(table(true, a), table(true, a))
    assert comparison.verdict(same, comparison.measure_difference(same)).endswith("no difference on 40 images.")


def test_images_are_matched_by_content_in_any_order_and_copies_each_with_its_own():
    true = np.array([0, 1, 2, 2])
    contents = ["aa", "bb", "cc", "cc"]
    a = table(true, [0, 0, 2, 0], contents)
    b = table(true, [0, 1, 2, 1], contents).take([3, 1, 0, 2])
    result = comparison.compare(a, b)
    assert len(result) == 4
    assert (result.only_a, result.only_b) == (0, 0)
    assert result.counts[comparison.FIXED] == 1
    again = b.table.iloc[result.images["row_b"]]
    assert again["content"].tolist() == result.images["content"].tolist()


def test_other_classes_and_other_images_are_said_and_the_rest_is_compared():
    a = table(np.array([0, 1, 2, 2]), [0, 1, 2, 0], source="fast-1")
    others = ("glacier", "forest", "street", "sea")  # in another order, one more
    b = table(np.array([1, 0, 3, 2]), [1, 0, 3, 2], [*a.contents[:3], "f" * 32], others, "fast-2")
    result = comparison.compare(a, b)
    assert result.counts[comparison.BOTH_RIGHT] == len(result) == 3
    assert set(result.classes) == {*CLASSES, "street"}
    assert "different classes: only one of them knows street" in result.notes[0]
    assert result.notes[1] == "1 image that only fast-1 has scored is left out."
    difference = comparison.measure_difference(result)
    assert difference.accuracy.value == 0
    assert np.isnan(difference.by_class.set_index("class").loc["street", "recall"])


def test_images_whose_truth_differs_are_left_out():
    a, b = table(np.array([0, 1, 2]), [0, 1, 2]), table(np.array([0, 2, 2]), [0, 2, 2])
    result = comparison.compare(a, b)
    assert (len(result), result.relabelled) == (2, 1)


def test_without_an_image_in_common_there_is_a_sentence():
    a, b = table(np.array([0, 1]), [0, 1]), table(np.array([0, 1]), [0, 1], ["x", "y"])
    result = comparison.compare(a, b)
    assert len(result) == 0
    assert result.notes == ("The runs share no scored images: only their scores can be compared.",)
    assert "no scored images" in comparison.verdict(result, None)


def test_macro_f1_of_a_comparison_is_over_the_classes_that_have_images():
    """Both runs as they are scored alone: a class of which there is no image is in neither mean."""
    truth = [0] * 5 + [1] * 5
    a, b = table(truth, [0, 0, 0, 0, 2, 1, 1, 1, 1, 1]), table(truth, [0, 0, 0, 0, 0, 1, 1, 1, 1, 2])
    result = comparison.measure_difference(comparison.compare(a, b))
    alone = [metrics.macro_f1(metrics.confusion(one.table, len(CLASSES))).value for one in (a, b)]
    assert (result.a["macro_f1"], result.b["macro_f1"]) == pytest.approx(tuple(alone))
    assert result.to_dict()["macro_f1_classes"] == {"scored": 2, "all": len(CLASSES)}
