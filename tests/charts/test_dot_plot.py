"""Rates with intervals: every row can be clicked, says its numbers, and no name is read as markup."""

import numpy as np
import pandas as pd
import pytest

from dashboard.charts.dot_plot import interval_dots, score_intervals
from dashboard.charts.reliability import reliability_diagram
from engine.evaluation.calibration import reliability
from engine.evaluation.metrics import per_class_intervals

ROWS = pd.DataFrame(
    {
        "name": ["<b>dark</b> & low", "bright"], "value": [0.2, np.nan], "low": [0.1, np.nan], "high": [0.3, np.nan],
        "text": ["2 of 10 wrong", "none"], "tick": [0.05, 0.05],
    }
)  # fmt: skip


def test_a_click_anywhere_in_a_row_means_it():
    figure = interval_dots(ROWS, clickable=True, chosen=0, names_above=True)
    targets = [trace for trace in figure.data if trace.type == "bar"]
    (target,) = targets
    assert target.customdata == ([0], [1])
    assert target.hoverinfo is None
    assert target.hovertext[0].startswith("&lt;b>dark&lt;/b> &amp; low<br>20.0% (10.0 to 30.0%)<br>2 of 10 wrong<br>expected")
    assert {trace.hoverinfo for trace in figure.data if trace is not target} == {"skip"}
    low, high = figure.layout.xaxis.range
    assert target.base == low
    assert target.x[0] == high - low


def test_differences_are_coloured_by_their_sign_where_the_interval_leaves_out_none():
    rows = pd.DataFrame(
        {"name": list("abc"), "value": [0.1, -0.1, 0.1], "low": [0.05, -0.2, -0.1], "high": [0.2, -0.05, 0.3], "text": ""}
    )
    figure = interval_dots(rows, difference=True)
    dots = [trace for trace in figure.data if trace.mode == "markers"][0]
    assert len(set(dots.marker.color)) == 3
    assert figure.layout.xaxis.range[0] == -figure.layout.xaxis.range[1]
    assert figure.layout.xaxis.ticktext == ("−20%", "0%", "+20%"), "zero has no sign, a negative number has the minus sign"
    assert dots.hovertext[1] == "b<br>−10.0 points (−20.0 to −5.0)<br>"


@pytest.mark.parametrize(
    ("reach", "texts"),
    [
        (0.012, ["−1.0%", "−0.5%", "0.0%", "+0.5%", "+1.0%"]), (0.05, ["−4%", "−2%", "0%", "+2%", "+4%"]),
        (1.0, ["−100%", "−50%", "0%", "+50%", "+100%"]),
    ],
)  # fmt: skip
def test_a_difference_s_axis_has_signs_on_both_sides_and_none_in_the_middle(reach, texts):
    rows = pd.DataFrame({"name": ["a"], "value": [0.0], "low": [-reach / 1.06], "high": [reach / 1.06], "text": ""})
    axis = interval_dots(rows, difference=True).layout.xaxis
    assert list(axis.ticktext) == texts
    assert axis.tickvals[len(texts) // 2] == 0


def test_a_long_name_over_its_bar_is_broken_between_its_conditions_and_not_cut():
    rows = pd.DataFrame(
        {
            "name": ["file size up to 12 KB, sharpness 1,195 to 2,210", "class sea"],
            "value": 0.2,
            "low": 0.1,
            "high": 0.3,
            "text": "",
        }
    )
    names = [note.text for note in interval_dots(rows, names_above=True, longest=40).layout.annotations if note.xanchor == "left"]
    assert names == ["file size up to 12 KB,<br>sharpness 1,195 to 2,210", "class sea"]


def test_an_area_under_a_curve_is_a_score_and_not_a_percentage():
    rows = pd.DataFrame({"name": ["sea"], "value": [0.997], "low": [0.99], "high": [0.999], "text": ["0.997, n=40"]})
    figure = interval_dots(rows, percent=False)
    assert figure.layout.xaxis.tickformat == ".2~f"
    dots = [trace for trace in figure.data if trace.mode == "markers"][0]
    assert dots.hovertext == ("sea<br>0.997 (0.990 to 0.999)<br>0.997, n=40",)


def test_no_line_of_a_reliability_diagram_goes_through_a_bin_of_a_few_images():
    """Bins of 1, 5 and 4 images: a line from a bin's 0% would look like a curve."""
    bins = reliability(np.repeat([0.3, 0.4, 0.5, 0.75, 0.95], [1, 5, 4, 40, 200]), np.arange(250) > 0)
    figure = reliability_diagram(bins, bins)
    drawn = list(figure.select_traces({"type": "scatter"}))
    (line,) = [trace for trace in drawn if trace.mode == "lines" and len(trace.x) == len(bins)]
    assert np.isnan(np.array(line.y, float)).tolist() == (bins["n"] < 10).tolist()
    assert not any(trace.mode == "markers+lines" for trace in drawn)
    (counts,) = [trace for trace in figure.data if trace.type == "bar"]
    assert list(counts.text) == [f"{n:,}" for n in bins["n"]]


def test_a_class_without_images_has_no_dot():
    table = per_class_intervals(np.diag([5, 0]), ("sea", "street"))
    figure = score_intervals(table, ["#118a7f", "#d1571f"])
    assert [list(trace.text) for trace in figure.data] == [["1.000", ""]] * 3
