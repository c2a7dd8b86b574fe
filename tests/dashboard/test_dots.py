"""Rates with intervals: every row can be clicked, says its numbers, and no name is read as markup."""

import numpy as np
import pandas as pd

from dashboard.evaluate.dots import interval_dots, score_intervals
from engine.metrics import per_class_intervals

ROWS = pd.DataFrame(
    {
        "name": ["<b>dark</b> & low", "bright"], "value": [0.2, np.nan], "low": [0.1, np.nan], "high": [0.3, np.nan],
        "text": ["2 of 10 wrong", "none"], "tick": [0.05, 0.05],
    }
)  # fmt: skip


def test_a_click_anywhere_in_a_row_means_it():
    figure = interval_dots(ROWS, clickable=True, chosen=0, over=True)
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


def test_a_class_without_images_has_no_dot():
    table = per_class_intervals(np.diag([5, 0]), ("sea", "street"))
    figure = score_intervals(table, ["#118a7f", "#d1571f"])
    assert [list(trace.text) for trace in figure.data] == [["1.000", ""]] * 3
