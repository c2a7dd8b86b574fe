"""A chart says the right numbers, in any theme."""

import subprocess
import sys

import numpy as np
import pandas as pd

from dashboard.charts.bars import probability_bars, score_bars
from dashboard.charts.figure import INK, escape_markup
from dashboard.charts.palette import SCENES
from engine.data.predictions import ClassProbability


def test_charts_and_palette_do_without_streamlit():
    code = "import sys, dashboard.charts.bars, dashboard.charts.palette; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_text_colour_is_the_one_that_streamlit_swaps_for_the_theme():
    from streamlit.elements.lib.streamlit_plotly_theme import GRAY_90

    assert INK == GRAY_90
    for figure in (probability_bars([ClassProbability("sea", 1.0)], SCENES),):
        assert figure.layout.font.color == figure.layout.xaxis.tickfont.color == INK
        assert figure.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
        assert figure.layout.xaxis.fixedrange and figure.layout.yaxis.fixedrange


def test_names_are_shown_letter_by_letter():
    assert escape_markup("<b>R&D</b>") == "&lt;b>R&amp;D&lt;/b>"


def test_scores_are_labelled_with_their_support():
    scores = pd.DataFrame({"class": ["sea", "tram"], "precision": [0.9, np.nan], "recall": [0.8, 0.0], "f1": [0.85, 0.0]})
    figure = score_bars(scores.assign(support=[1220, 3]), SCENES)
    dots = figure.data[1::2]
    assert [trace.text[0] for trace in dots] == ["0.900", "0.800", "0.850"]
    assert dots[0].text[1] == "", "an undefined score has no number"
    assert "n=1,220" in figure.layout.yaxis.ticktext[0] if figure.layout.yaxis.ticktext else "n=1,220" in dots[0].y[0]


def test_probabilities_are_percentages_in_the_given_order():
    (bars,) = probability_bars([ClassProbability("glacier", 0.713), ClassProbability("sea", 0.0149)], SCENES).data
    assert list(bars.y) == ["glacier", "sea"] and bars.text == ("71%", "1%")
