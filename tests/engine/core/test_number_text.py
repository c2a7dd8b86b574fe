"""The same number reads the same everywhere: minus signs, zeros without a sign, intervals."""

import codecs

import pytest

from engine.core.number_text import (
    count,
    count_text,
    decimal,
    encode_for_terminal,
    percent,
    points,
    probability,
    signed,
    signed_percent,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(1294), "1,294"),
        (count_text(1, "image"), "1 image"),
        (count_text(1294, "image"), "1,294 images"),
        (count_text(2, "class", "classes"), "2 classes"),
        (probability(0.84), "84%"),
        (probability(0.004), "<1%"),
        (probability(0.9996), ">99%"),
        (probability(0.9996, 1), ">99.9%"),
        (probability(0.0004, 1), "<0.1%"),
        (probability(0.0), "0%"),
        (probability(1.0), "100%"),
        (percent(0.9243), "92.4%"),
        (percent(-0.05, 0), "−5%"),
        (percent(float("nan")), "undefined"),
        (decimal(-0.3, 1), "−0.3"),
        (decimal(-0.0001), "0.000"),
        (signed(0.012), "+0.012"),
        (signed(-0.012), "−0.012"),
        (signed(-0.0001), "0.000"),
        (points(0.0125, 2), "+1.25"),
        (signed_percent(0.05, 0), "+5%"),
        (signed_percent(-0.0001, 0), "0%"),
    ],
)
def test_a_number_as_text(text, expected):
    assert text == expected


def test_a_terminal_without_the_minus_sign_gets_a_hyphen_and_other_characters_as_escapes():
    codecs.register_error("terminal", encode_for_terminal)
    assert "−0.3 points of été".encode("ascii", "terminal") == rb"-0.3 points of \xe9t\xe9"
    assert "−0.3 été".encode("cp1252", "terminal") == "-0.3 été".encode("cp1252")
    assert "−0.3 \udce9".encode("utf-8", "terminal") == "−0.3 ".encode() + rb"\udce9"
