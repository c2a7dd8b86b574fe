"""Charts of a confused pair: the right numbers, names letter by letter."""

import numpy as np
import pandas as pd

from dashboard.charts.class_pairs import confusion_rates, effect_sizes, positions_between_centres
from dashboard.charts.palette import BAD, NEUTRAL
from engine.evaluation import class_pairs


def test_either_direction_goes_to_its_side_with_its_interval():
    ranked = class_pairs.rank_pairs(np.array([[90, 10], [5, 45]]))
    figure = confusion_rates(ranked, ["<a>", "b"], {"<a>": "#112233"}, 0)
    left, right = figure.data
    assert (list(left.x), list(right.x)) == ([-10.0], [10.0])
    assert left.error_x.arrayminus[0] > left.error_x.array[0] > 0, "Wilson's interval reaches further away from zero"
    assert right.error_x.array[0] > right.error_x.arrayminus[0] > 0
    assert left.hovertext[0].startswith("&lt;a>  taken for b: 10 of 100".replace("  ", " "))
    assert left.customdata[0] == [0]
    assert [note.text for note in figure.layout.annotations] == ["&lt;a> 10", "b 5"]


def test_a_class_without_images_has_a_bar_of_no_length():
    figure = confusion_rates(class_pairs.rank_pairs(np.array([[5, 2], [0, 0]])), ["a", "b"], {}, 0)
    assert list(figure.data[1].x) == [0.0]


def test_what_is_beyond_chance_stands_out():
    rng = np.random.default_rng(0)
    values = pd.DataFrame(
        {"brightness": np.concatenate([rng.normal(0, 1, 80), rng.normal(3, 1, 80)]), "contrast": rng.normal(size=160)}
    )
    of = class_pairs.Groups(np.arange(80), np.arange(80, 160), *[np.array([], int)] * 2)
    (dots,) = effect_sizes(class_pairs.differences(values, of)).data
    assert dict(zip(dots.y, dots.marker.color, strict=True)) == {0: BAD, 1: NEUTRAL}
    assert "median" in dots.hovertext[0]


def test_every_group_lies_on_its_own_row():
    along = {"a_right": np.array([0.0, 0.1]), "a_as_b": np.array([0.9]), "b_as_a": np.array([]), "b_right": np.array([1.0])}
    names = {name: f"{name} <b>" for name in along}
    figure = positions_between_centres(along, names, dict.fromkeys(along, "#112233"), ("<a>", "b"))
    assert figure.layout.yaxis.ticktext == tuple(
        f"{name} &lt;b>, n={len(along[name])}" for name in ("a_right", "a_as_b", "b_right")
    )
    assert figure.layout.xaxis.ticktext[0] == "centre of &lt;a>"
