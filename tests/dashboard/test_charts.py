"""A chart says the right numbers, in any theme, and every cell of the matrix can be clicked."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dashboard import charts
from dashboard.figure import INK, plain
from dashboard.matrix import CORRECT, ERRORS
from dashboard.palette import SCENES, linear_rgb, luminances

CLASSES = list(SCENES)
MATRIX = np.array(
    [
        [197, 0, 1, 1, 2, 19],
        [0, 203, 1, 2, 0, 1],
        [1, 1, 178, 38, 12, 0],
        [0, 2, 23, 169, 1, 0],
        [1, 1, 9, 4, 205, 0],
        [14, 1, 0, 0, 0, 208],
    ]
)


def matrix(**options):
    return charts.confusion_matrix(MATRIX, CLASSES, **options)


def layers(figure):
    """The correct cells, the errors and the click targets."""
    return figure.data


def test_charts_and_palette_do_without_streamlit():
    code = "import sys, dashboard.charts, dashboard.palette; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_text_colour_is_the_one_that_streamlit_swaps_for_the_theme():
    from streamlit.elements.lib.streamlit_plotly_theme import GRAY_90

    assert INK == GRAY_90
    for figure in (matrix(), charts.probability_bars(["sea"], [1.0], SCENES)):
        assert figure.layout.font.color == figure.layout.xaxis.tickfont.color == INK
        assert figure.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
        assert figure.layout.xaxis.fixedrange and figure.layout.yaxis.fixedrange


def test_every_cell_has_a_target_that_knows_its_row_and_column():
    targets = layers(matrix())[-1]
    assert isinstance(targets.to_plotly_json()["customdata"][0], list), "packed arrays report the wrong cell"
    assert {tuple(cell) for cell in targets.customdata} == {(t, p) for t in range(6) for p in range(6)}
    assert all((y, x) == tuple(cell) for x, y, cell in zip(targets.x, targets.y, targets.customdata, strict=True))


def test_only_targets_answer_the_pointer_and_the_nearest_one_does():
    figure = matrix()
    assert [trace.hoverinfo for trace in layers(figure)[:2]] == ["skip", "skip"]
    assert (figure.layout.hoverdistance, figure.layout.hovermode) == (-1, "closest")
    assert figure.layout.dragmode is None
    assert layers(figure)[-1].marker.size < 17, "a marker wider than a cell would answer for its neighbours"


def test_hover_says_who_was_taken_for_whom_and_how_often():
    says = dict(zip(map(tuple, layers(matrix())[-1].customdata), layers(matrix())[-1].hovertext, strict=True))
    assert says[3, 2] == "mountain taken for glacier: 23 of 195 (11.8%)"
    assert says[0, 0] == "buildings recognised: 197 of 220 (89.5%)"
    assert says[0, 1] == "buildings taken for forest: 0 of 220 (0.0%)"


@pytest.mark.parametrize(("normalise", "text"), [("count", "23"), ("true", "11.8"), ("predicted", "10.8")])
def test_cells_show_counts_or_percent_of_row_or_column(normalise, text):
    correct, errors, _ = layers(matrix(normalise=normalise))
    assert errors.text[3][2] == text
    assert correct.text[3][2] == "" and errors.text[3][3] == "", "each cell is written once"
    assert errors.text[0][1] == "", "no zeros"


def test_rare_errors_show_beside_frequent_ones():
    _, errors, _ = layers(matrix())
    assert np.isnan(errors.z[0][1]) and np.isnan(errors.z[3][3])
    assert errors.z[2][3] == pytest.approx(1) and errors.z[0][2] == pytest.approx(0)
    assert errors.z[4][3] == pytest.approx(np.log(4) / np.log(38))


@pytest.mark.parametrize(("dark", "text"), [(False, "#262730"), (True, "#fafafa")])
def test_numbers_read_on_every_shade_of_a_cell(dark, text):
    ink = luminances(linear_rgb([text]))[0]
    for shade in luminances(linear_rgb(ERRORS[dark] + CORRECT[dark])):
        assert (max(ink, shade) + 0.05) / (min(ink, shade) + 0.05) >= 4.5


def test_the_selected_cell_is_outlined():
    assert not matrix().layout.shapes
    (frame,) = matrix(selected=(3, 2)).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (1.5, 2.5, 2.5, 3.5)


def test_thirty_classes_have_names_and_no_numbers():
    names = [f"class number {i}" for i in range(30)]
    figure = charts.confusion_matrix(np.ones((30, 30), int), names, normalise="true")
    assert not any(text for row in layers(figure)[1].text for text in row)
    assert len(figure.layout.xaxis.ticktext) == 30 and max(map(len, figure.layout.xaxis.ticktext)) <= 12
    assert len(layers(figure)[-1].x) == 900


def test_an_empty_row_or_matrix_is_no_error():
    empty = charts.confusion_matrix(np.zeros((2, 2), int), ["a", "b"], normalise="true")
    assert layers(empty)[-1].hovertext[1] == "a taken for b: 0 of 0"


def test_names_are_shown_letter_by_letter():
    assert plain("<b>R&D</b>") == "&lt;b>R&amp;D&lt;/b>"
    figure = charts.confusion_matrix(np.eye(2, dtype=int), ["<a>", "b"])
    assert figure.layout.yaxis.ticktext[0] == "&lt;a>"
    assert "<a>" not in layers(figure)[-1].hovertext[0]


def test_scores_are_labelled_with_their_support():
    scores = pd.DataFrame({"class": ["sea", "tram"], "precision": [0.9, np.nan], "recall": [0.8, 0.0], "f1": [0.85, 0.0]})
    figure = charts.score_bars(scores.assign(support=[1220, 3]), SCENES)
    dots = figure.data[1::2]
    assert [trace.text[0] for trace in dots] == ["0.900", "0.800", "0.850"]
    assert dots[0].text[1] == "", "an undefined score has no number"
    assert "n=1,220" in figure.layout.yaxis.ticktext[0] if figure.layout.yaxis.ticktext else "n=1,220" in dots[0].y[0]


def test_probabilities_are_percentages_in_the_given_order():
    (bars,) = charts.probability_bars(["glacier", "sea"], [0.713, 0.0149], SCENES).data
    assert list(bars.y) == ["glacier", "sea"] and bars.text == ("71.3%", "1.5%")
