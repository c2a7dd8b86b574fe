"""A number with its interval reads the same everywhere."""

import math

import pytest

from engine.core.estimate import Estimate

SCORE, DIFFERENCE = Estimate(0.9243, 0.909, 0.937), Estimate(-0.003, -0.013, 0.007)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (str(SCORE), "0.924 (0.909 to 0.937)"),
        (SCORE.text(digits=4), "0.9243 (0.9090 to 0.9370)"),
        (SCORE.text("%"), "92.4% (90.9 to 93.7%)"),
        (SCORE.text("%", named=True), "92.4% (95% interval 90.9 to 93.7%)"),
        (DIFFERENCE.text(signed=True), "−0.003 (−0.013 to +0.007)"),
        (DIFFERENCE.text("points", signed=True), "−0.3 points (−1.3 to +0.7)"),
        (DIFFERENCE.text("points", 2, signed=True), "−0.30 points (−1.30 to +0.70)"),
        (SCORE.limits("%"), "90.9 to 93.7%"),
        (Estimate(math.nan, math.nan, math.nan).text("%"), "undefined"),
        (str(Estimate.from_row({"f1": 0.5, "f1_low": 0.4, "f1_high": 0.6}, "f1")), "0.500 (0.400 to 0.600)"),
    ],
)
def test_an_estimate_as_text(text, expected):
    assert text == expected
