"""Drift between two splits: detected where it exists, and not where it does not."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from engine.data.datasets import add_dataset
from engine.data.drift import cliffs_delta, compute_drift, effect, holm
from engine.data.filters import Filter

RNG = np.random.default_rng(0)


def write(folder, count, level, seed):
    """`count` noisy grey pictures about `level`."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        pixels = (level + rng.normal(0, 4) + rng.normal(0, 20, (24, 24, 1))).repeat(3, 2)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{seed}-{i}.png")


def test_a_darker_test_split_is_found_with_its_size_and_the_rest_is_left_in_peace(home, tmp_path):
    for i, kind in enumerate(("forest", "sea")):
        write(tmp_path / "set" / "train" / kind, 30, 120, 10 + i)
        write(tmp_path / "set" / "test" / kind, 30, 80, 20 + i)
    catalog = add_dataset(str(tmp_path / "set"), "set")[0].catalog
    result = compute_drift(catalog).set_index("property")
    assert result.index[0] == "brightness"
    row = result.loc["brightness"]
    assert (row.n_a, row.n_b, row.effect) == (54, 60, "large")
    assert row.delta < -0.9 and row.ks > 0.9 and row.p_holm < 1e-9
    assert row.sentence.startswith("Lower in test, a large difference: median 0.3")
    assert result.loc["aspect"].sentence == "No difference beyond chance: median 1 in test, 1 in train."
    assert (result["p_holm"] >= result["p"]).all()
    assert compute_drift(catalog, conditions=Filter(classes=("sea",))).set_index("property").loc["brightness"].n_b == 30


def test_a_shift_inside_the_classes_that_the_mixture_hides_is_seen_by_class(home, tmp_path):
    for split, levels in (("train", (70, 130)), ("test", (130, 70))):
        for seed, (kind, level) in enumerate(zip(("forest", "sea"), levels, strict=True)):
            write(tmp_path / "set" / split / kind, 40, level, seed + 10 * len(split))
    catalog = add_dataset(str(tmp_path / "set"), "set")[0].catalog
    mixed = compute_drift(catalog).set_index("property").loc["brightness"]
    inside = compute_drift(catalog, by_class=True).set_index(["class", "property"])["delta"]
    assert mixed.p_holm > 0.05
    assert inside["forest", "brightness"] > 0.9
    assert inside["sea", "brightness"] < -0.9


def test_splits_that_are_missing_or_tiny_give_an_empty_table(home, kaggle):
    catalog = add_dataset(str(kaggle), "scenes")[0].catalog
    assert compute_drift(catalog, "train", "unlabelled").empty
    assert compute_drift(catalog, "train", "test", by_class=True).empty
    assert "sentence" in compute_drift(catalog, "train", "unlabelled")


def test_a_negligible_difference_among_many_images_says_so():
    from engine.data.drift import _compare, _sentence

    a, b = RNG.normal(0.5, 0.1, 60_000), RNG.normal(0.503, 0.1, 60_000)
    result = _compare(a, b)
    row = next(
        pd.DataFrame(
            [{"property": "brightness", **result, "p_holm": result["p"], "effect": effect(abs(result["delta"]))}]
        ).itertuples()
    )
    assert (row.p < 0.001, row.effect) == (True, "negligible")
    assert _sentence(row, "train", "test").startswith("Significant but negligible: ")


@pytest.mark.parametrize("levels", [None, 5])
def test_cliffs_delta_is_that_of_all_pairs_and_of_mann_whitneys_u(levels):
    a, b = RNG.normal(0, 1, 70), RNG.normal(0.4, 1, 50)
    if levels:
        a, b = np.round(a * levels), np.round(b * levels)
    pairs = np.sign(b[:, None] - a[None, :]).mean()
    assert cliffs_delta(a, b) == pytest.approx(pairs)
    assert cliffs_delta(a, b) == pytest.approx(2 * stats.mannwhitneyu(b, a).statistic / (70 * 50) - 1)


def test_holms_correction_is_that_of_the_paper():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_words_for_sizes_follow_their_thresholds():
    assert [effect(d) for d in (0.1, 0.147, 0.33, 0.474)] == ["negligible", "small", "medium", "large"]
