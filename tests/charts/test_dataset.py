"""Explore's charts say the right numbers, name every class, and hear a click on the row that was meant."""

import numpy as np
import pandas as pd
import pytest

from dashboard.charts.dataset import class_bars, class_pie, size_scatter
from dashboard.charts.distributions import intervals, ridges
from dashboard.charts.drift import drift_dots, drift_grid, split_histograms
from dashboard.charts.histogram import histogram_svg
from dashboard.charts.palette import ACCENT, BAD, NEUTRAL, SCENES
from dashboard.explore.ranges import slider_ends, slider_steps
from engine.data.properties import PROPERTIES

BRIGHTNESS = PROPERTIES["brightness"]


def counts() -> pd.DataFrame:
    rows = [("sea", "train", 30, 30), ("forest", "train", 10, 2), ("sea", "test", 4, 4), ("tram", "test", 1, 0)]
    return pd.DataFrame(rows, columns=["class", "split", "n", "matching"])


def splits(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby("split")[["n", "matching"]].sum().reset_index()


def panels(figure):
    """For each split: all images, the labels, those that match, and the click targets."""
    return [figure.data[i : i + 4] for i in range(0, len(figure.data), 4)]


def test_class_bars_have_a_column_a_split_in_the_usual_order():
    train, test = panels(class_bars(counts(), splits(counts()), SCENES))
    assert [list(bars.x) for bars in train[:3:2]] == [[30, 10, 0], [30, 2, 0]]
    assert [list(bars.x) for bars in test[:3:2]] == [[4, 0, 1], [4, 0, 0]]
    assert train[1].text == ("30", "2", "0")
    assert test[1].text == ("4", "0", "0 of 1"), "beside the faint bar of all, a bare 0 would be read as its length"
    assert list(train[2].marker.color) == [SCENES["sea"], SCENES["forest"], NEUTRAL]
    titles = [note.text for note in class_bars(counts(), splits(counts()), SCENES).layout.annotations]
    assert titles == ["train<br>32 of 40", "test<br>4 of 5"]


def test_class_shares_are_of_what_matches_in_their_split():
    train, test = panels(class_bars(counts(), splits(counts()), SCENES, share=True))
    assert train[1].text == ("93.8%", "6.2%", "0.0%")
    assert test[1].text == ("100.0%", "0.0%", "0.0%")
    for faint, label, solid, _ in (train, test):
        assert all(end == max(pair) for end, *pair in zip(label.x, faint.x, solid.x, strict=True)), "no bar covers its label"


def test_where_not_all_classes_are_drawn_a_column_still_says_what_its_split_holds():
    every = pd.DataFrame({"split": ["train", "test"], "n": [400, 50], "matching": [320, 40]})
    figure = class_bars(counts(), every, SCENES, share=True)
    assert [note.text for note in figure.layout.annotations] == ["train<br>320 of 400", "test<br>40 of 50"]
    assert panels(figure)[0][1].text == ("9.4%", "0.6%", "0.0%")


def test_a_click_anywhere_in_a_row_means_its_class_and_split():
    figure = class_bars(counts(), splits(counts()), SCENES)
    for *_, target in panels(figure):
        assert len(set(target.x)) == 1 and target.width == 1.0
    assert list(panels(figure)[1][3].customdata) == [["sea", "test"], ["forest", "test"], ["tram", "test"]]
    assert panels(figure)[0][3].hovertext[1] == "forest, train: 2 of 10 images match (25.0% of train)"


def test_two_long_names_that_look_alike_keep_rows_of_their_own():
    names = [f"photographs of class {i} in the evening" for i in range(2)]
    frame = pd.DataFrame({"class": names, "split": "train", "n": [3, 5], "matching": [3, 5]})
    figure = class_bars(frame, splits(frame), {})
    assert list(figure.data[0].y) == [0, 1]
    assert max(map(len, figure.layout.yaxis.ticktext)) <= 18


def test_names_are_no_markup():
    frame = pd.DataFrame({"class": ["<b>R&D"], "split": "train", "n": [3], "matching": [3]})
    bars, spread = class_bars(frame, splits(frame), {}), ridges(*spread_of({"<b>R&D": 0.5}), {}, BRIGHTNESS)
    assert bars.layout.yaxis.ticktext == spread.layout.yaxis.ticktext == ("&lt;b>R&amp;D",)
    assert class_pie(frame.assign(others=0), {}).data[0].text == ("&lt;b>R&amp;D",)
    spoken = [text for figure in (bars, spread) for trace in figure.data for text in trace.hovertext or ()]
    assert spoken and all(text.startswith("&lt;b>R&amp;D") for text in spoken)


def test_the_pie_has_a_slice_for_the_rest():
    totals = pd.DataFrame({"class": ["sea", None], "matching": [50, 99], "others": [0, 89]})
    (pie,) = class_pie(totals, SCENES).data
    assert list(pie.values) == [50, 99]
    assert pie.text == ("sea", "89 others") and pie.marker.colors == (SCENES["sea"], NEUTRAL)


def test_sizes_have_areas_by_count_and_three_labels():
    sizes = pd.DataFrame({"width": [110, 150, 150, 124], "height": [150, 150, 143, 150], "n": [1, 8700, 12, 5]})
    (dots,) = size_scatter(sizes).data
    assert dots.marker.sizemode == "area" and list(dots.marker.size) == [8700, 12, 5, 1]
    assert dots.text == ("150 × 150  8,700 images", "150 × 143  12 images", "124 × 150  5 images", "")
    assert dots.hovertext[3] == "110 × 150  1 image"
    assert dots.customdata[1] == [150, 143]


def test_sizes_that_differ_widely_get_a_logarithmic_axis():
    sizes = pd.DataFrame({"width": [150, 4032], "height": [150, 3024], "n": [10, 60]})
    axis = size_scatter(sizes).layout.xaxis
    assert axis.type == "log" and "1,000" in axis.ticktext


def spread_of(centres: dict[str, float], n: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Histograms and quantiles over 0 to 1, a class around each centre, as a view of the catalog gives them."""
    edges, bins, points = np.linspace(0, 1, 51), [], []
    for seed, (name, centre) in enumerate(centres.items()):
        values = np.random.default_rng(seed).normal(centre, 0.06, n).clip(0, 1)
        result, _ = np.histogram(values, edges)
        bins.append(pd.DataFrame({"group": name, "low": edges[:-1], "high": edges[1:], "n": result}))
        points.append([name, n, *np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))])
    return pd.concat(bins), pd.DataFrame(points, columns=["group", "n", "q5", "q25", "q50", "q75", "q95"])


def test_ridges_are_sorted_by_median_and_say_it():
    figure = ridges(*spread_of({"sea": 0.7, "forest": 0.3, "street": 0.5}), SCENES, BRIGHTNESS)
    assert list(figure.layout.yaxis.ticktext) == ["forest", "street", "sea"]
    assert [note.text for note in figure.layout.annotations] == ["<b>0.3</b>  n=400", "<b>0.5</b>  n=400", "<b>0.7</b>  n=400"]
    clicked = [list(trace.customdata[0]) for trace in figure.data if trace.customdata is not None]
    assert clicked == [["forest"], ["street"], ["sea"]]


def test_ridges_have_the_same_area_whatever_the_number_of_images():
    bins, points = spread_of({"sea": 0.4, "forest": 0.4})
    bins.loc[bins["group"] == "sea", "n"] *= 10
    figure = ridges(bins, points, SCENES, BRIGHTNESS)
    shapes = [np.abs(np.array(trace.y) - trace.y[0]) for trace in figure.data if trace.fill == "toself"]
    areas = [np.trapezoid(shape) for shape in shapes]
    assert areas[0] == pytest.approx(areas[1], rel=0.02)


def test_a_property_that_spans_orders_of_magnitude_has_a_logarithmic_axis():
    edges = np.geomspace(1_000, 10_000_000, 41)
    bins = pd.DataFrame({"group": "sea", "low": edges[:-1], "high": edges[1:], "n": 1})
    points = pd.DataFrame([["sea", 40, 2e3, 2e4, 1e5, 1e6, 8e6]], columns=["group", "n", "q5", "q25", "q50", "q75", "q95"])
    assert ridges(bins, points, SCENES, PROPERTIES["bytes"]).layout.xaxis.type == "log"
    assert intervals(points, SCENES, PROPERTIES["bytes"]).layout.xaxis.type == "log"
    assert intervals(spread_of({"sea": 0.4})[1], SCENES, BRIGHTNESS).layout.xaxis.type == "linear"


def test_a_hundred_classes_are_intervals_in_a_few_traces():
    _, points = spread_of({f"class {i}": 0.2 + 0.006 * i for i in range(100)})
    figure = intervals(points, {}, BRIGHTNESS)
    assert len(figure.data) == 6
    assert len(figure.layout.yaxis.ticktext) == 100
    assert figure.data[4].hovertext[0].startswith("class 0: median 0.2<br>half of the images from")
    assert list(figure.data[4].customdata[0]) == ["class 0"]


def test_a_distribution_without_images_is_an_empty_chart():
    bins, points = spread_of({"sea": 0.7})
    assert not ridges(bins[:0], points[:0], SCENES, BRIGHTNESS).data
    assert not any(len(trace.x) for trace in intervals(points[:0], SCENES, BRIGHTNESS).data)


def test_a_slider_has_one_step_a_word_and_loses_no_image():
    bins = pd.DataFrame({"low": np.linspace(0.4, 0.49, 37)[:-1], "high": np.linspace(0.4, 0.49, 37)[1:], "n": range(36)})
    edges, counts = slider_steps(bins, BRIGHTNESS)
    labels = [BRIGHTNESS.format(edge) for edge in edges]
    assert len(set(labels)) == len(labels) == len(counts) + 1 == 10
    assert sum(counts) == sum(range(36))


@pytest.mark.parametrize(
    ("low", "high", "places"),
    [(None, None, (0, 4)), (2.0, 3.0, (2, 3)), (1.5, 2.5, (1, 3)), (-5, 99, (0, 4)), (4.0, None, (3, 4)), (2.0, 2.0, (2, 3))],
)
def test_a_slider_holds_a_range_that_lies_between_its_steps(low, high, places):
    assert slider_ends([0.0, 1.0, 2.0, 3.0, 4.0], low, high) == places


def test_a_histogram_lights_the_bins_of_the_range():
    svg = histogram_svg([5, 0, 10, 1], 2, 4)
    assert svg.count("<rect") == 3, "an empty bin has no bar"
    assert svg.count(ACCENT) == 2 and svg.count(NEUTRAL) == 1


def drifted() -> pd.DataFrame:
    """A comparison as `engine.data.drift.compute_drift` gives it: brightness differs a lot, contrast does not."""
    rows = [
        ("", "brightness", 900, 100, 0.46, 0.7, 0.5, 1e-9, 0.6, 1e-8, "large", "Higher in test."),
        ("", "contrast", 900, 100, 0.2, 0.2, 0.02, 0.8, -0.01, 1.0, "negligible", "No difference."),
    ]
    names = ["class", "property", "n_a", "n_b", "median_a", "median_b", "ks", "p", "delta", "p_holm", "effect", "sentence"]
    return pd.DataFrame(rows, columns=names)


def test_drift_has_a_dot_a_property_in_the_colour_of_what_it_means():
    figure = drift_dots(drifted(), "train", "test")
    dots = figure.data[-1]
    assert list(dots.x) == [0.6, -0.01] and list(dots.marker.color) == [BAD, NEUTRAL]
    assert list(map(list, dots.customdata)) == [["brightness"], ["contrast"]]
    assert "more than one of train in 80% of pairs" in dots.hovertext[0] and "n = 900 train, 100 test" in dots.hovertext[0]
    assert "0.46 → 0.7" in [note.text for note in figure.layout.annotations]
    assert figure.layout.xaxis.range[1] > 0.6, "the largest difference is in sight"


def test_drift_inside_classes_is_a_cell_that_knows_its_class_and_property():
    result = pd.concat([drifted().assign(**{"class": name}) for name in ("<b>sea", "forest")], ignore_index=True)
    cells, targets = drift_grid(result, "test").data
    assert sorted(map(tuple, targets.customdata)) == sorted(
        (n, p) for n in ("<b>sea", "forest") for p in ("brightness", "contrast")
    )
    assert sorted(text for row in cells.text for text in row) == ["", "", "+0.60", "+0.60"]
    assert any(text.startswith("&lt;b>sea, brightness: Higher in test.") for text in targets.hovertext)


def test_two_shapes_are_shares_of_their_split():
    bins = pd.DataFrame({"group": ["train"] * 2 + ["test"] * 2, "low": [0, 0.5] * 2, "high": [0.5, 1] * 2, "n": [300, 100, 1, 3]})
    train, test = split_histograms(bins, BRIGHTNESS, {}).data
    assert max(train.y) == 75 and max(test.y) == 75
