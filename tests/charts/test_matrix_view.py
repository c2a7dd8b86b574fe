"""What the matrix paints: counts, shares, intervals and shades of the classes that are shown."""

import base64

import numpy as np
import pytest
from scipy.stats import binomtest

from dashboard.charts.matrix_view import CORRECT, ERRORS, build_view, shades
from dashboard.charts.palette import SCENES, linear_rgb, luminances

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


def read(data, name, kind, shape):
    return np.frombuffer(base64.b64decode(data[name]), kind).reshape(shape)


def test_part_of_the_classes_keeps_the_whole_matrix_s_totals():
    data = build_view(MATRIX, CLASSES, np.array([3, 2]))
    assert (data["names"], data["ids"]) == (["mountain", "glacier"], [3, 2])
    assert read(data, "counts", "<i4", (2, 2)).tolist() == [[169, 23], [38, 178]]
    assert data["totals"] == [[195, 230], [214, 212]]


def test_intervals_are_wilsons_of_the_row_and_of_the_column():
    row_low, row_high, column_low, column_high = (
        read(build_view(MATRIX, CLASSES, np.arange(6)), "limits", "<u2", (4, 6, 6)) / 10_000
    )
    for total, low, high in ((195, row_low, row_high), (212, column_low, column_high)):
        expected = binomtest(23, total).proportion_ci(method="wilson")
        assert (low[3, 2], high[3, 2]) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_rare_errors_show_beside_frequent_ones_and_never_share_the_diagonal_s_scale():
    result = shades(MATRIX.astype(float), log=True)
    assert result[2, 3] == 255
    assert result[0, 2] == 0, "the smallest error is the first colour; only an empty cell has none"
    assert result[4, 3] == round(255 * np.log(4) / np.log(38))
    assert result[5, 5] == 255
    linear = shades(MATRIX.astype(float), log=False)
    assert linear[4, 3] == round(255 * 4 / 38)


def test_shares_shade_by_the_row_or_the_column():
    matrix = np.array([[90, 10, 0], [1, 8, 1], [0, 50, 950]])
    by_row = read(build_view(matrix, "abc", np.arange(3), "row", log=False), "shades", "u1", (3, 3))
    assert by_row[0, 1] == by_row[1, 0] == 255, "10 of 100 and 1 of 10"
    by_column = read(build_view(matrix, "abc", np.arange(3), "column", log=False), "shades", "u1", (3, 3))
    assert by_column[2, 1] == 255
    assert by_column[1, 0] < 10


def test_a_class_without_images_or_errors_is_no_error():
    data = build_view(np.array([[3, 0], [0, 0]]), ["a", "b"], np.arange(2), "row")
    assert read(data, "counts", "<i4", (2, 2)).tolist() == [[3, 0], [0, 0]]
    assert data["totals"] == [[3, 0], [3, 0]]


def test_what_is_painted_is_made_anew_only_where_it_differs():
    versions = [build_view(MATRIX, CLASSES, np.arange(6), unit)["version"] for unit in ("count", "row", "count")]
    assert versions[0] == versions[2] != versions[1]


@pytest.mark.parametrize(("dark", "text"), [(False, "#262730"), (True, "#fafafa")])
def test_numbers_read_on_every_shade_of_a_cell(dark, text):
    ink = luminances(linear_rgb([text]))[0]
    for shade in luminances(linear_rgb(ERRORS[dark] + CORRECT[dark])):
        assert (max(ink, shade) + 0.05) / (min(ink, shade) + 0.05) >= 4.5
