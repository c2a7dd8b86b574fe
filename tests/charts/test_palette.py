"""A class keeps its colour, and the colours tell classes apart for everyone, on both pages."""

import time
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import palette
from dashboard.charts.palette import SCENES, class_colours, linear_rgb, luminances, oklab

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"]
PAGES = {mode: THEME[mode]["backgroundColor"] for mode in ("light", "dark")}

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminances(linear_rgb([one, other])))
    return (high + 0.05) / (low + 0.05)


def closest(colours: list[str], sight: str) -> float:
    seen = oklab(np.clip(linear_rgb(colours) @ SIGHT[sight].T, 0, 1))
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("sight", SIGHT)
def test_the_six_scenes_stay_apart_for_every_kind_of_sight(sight):
    assert closest(list(SCENES.values()), sight) > 0.1


def test_the_measure_of_distance_knows_white_from_black():
    assert np.allclose(oklab(linear_rgb(["#ffffff", "#000000"])), [[1, 0, 0], [0, 0, 0]], atol=1e-3)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)


@pytest.mark.parametrize("mode", PAGES)
def test_every_colour_shows_on_the_page(mode):
    many = class_colours([f"kind {i}" for i in range(300)])
    for colour in {*SCENES.values(), *many.values(), palette.ACCENT, palette.NEUTRAL, palette.GOOD, palette.BAD}:
        assert contrast(colour, PAGES[mode]) >= 3, colour


def test_a_scene_keeps_its_colour_in_any_dataset_and_order():
    assert class_colours(list(SCENES)) == SCENES
    mixed = class_colours(["tram", "sea", "cat", "forest"])
    assert (mixed["sea"], mixed["forest"]) == (SCENES["sea"], SCENES["forest"])
    assert len(set(mixed.values())) == 4


def test_other_classes_take_the_scene_colours_in_order_then_new_ones():
    names = [f"kind {i}" for i in range(20)]
    colours = class_colours(names)
    assert [colours[name] for name in names[:6]] == list(SCENES.values())
    assert len(set(colours.values())) == 20
    assert closest(list(colours.values())[:12], "usual") > 0.08
    assert closest(list(colours.values())[:12], "deutan") > 0.06


def test_the_same_list_gives_the_same_colours_and_a_longer_one_keeps_them():
    short = class_colours(["a", "b", "c"])
    assert short == class_colours(["a", "b", "c"])
    assert class_colours(["a", "b", "c", "d"]) | short == class_colours(["a", "b", "c", "d"])


def test_a_run_whose_classes_are_in_another_order_has_the_colours_of_its_dataset():
    numbers = [str(i) for i in range(1, 13)]
    assert class_colours(sorted(numbers)) == class_colours(numbers)


def test_no_classes_and_repeated_classes():
    assert class_colours([]) == {}
    assert len(class_colours(["a", "a", "b"])) == 2


def test_a_hundred_thousand_classes_take_under_a_second():
    names = [f"kind {i}" for i in range(100_000)]
    start = time.perf_counter()
    assert len(class_colours(names)) == 100_000
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("mode", PAGES)
def test_the_theme_reads(mode):
    theme = THEME[mode]
    for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert contrast(theme["textColor"], ground) >= 4.5
        assert contrast(theme["linkColor"], ground) >= 4.5
    assert contrast("#ffffff", theme["primaryColor"]) >= 4.5
    assert contrast(theme["primaryColor"], theme["backgroundColor"]) >= 4.3
    for name in ("red", "orange", "yellow", "green", "blue", "violet", "gray"):
        assert contrast(theme[f"{name}TextColor"], theme["backgroundColor"]) >= 4.5


def test_the_charts_of_streamlit_itself_use_the_class_colours():
    assert all(THEME[mode]["chartCategoricalColors"] == list(SCENES.values()) for mode in PAGES)
