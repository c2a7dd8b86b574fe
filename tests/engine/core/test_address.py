"""The grammar of addresses: every value survives its text, and no text raises anything but ValueError."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.address import Choice, Integer, Interval, Items, Kind, Name, OrNone, Record, Row, Text

UNESCAPED = set(string.ascii_letters + string.digits + "_.-~")
NUMBERS = st.decimals(0, 10**9, places=6).map(float) | st.integers(0, 10**15 - 1).map(float)
NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
KINDS: list[tuple[Kind[Any], st.SearchStrategy[Any]]] = [
    (Name(), NAMES),
    (Integer(), st.integers(0, 10**9 - 1)),
    (Integer(6, signed=True), st.integers(-(10**6) + 1, 10**6 - 1)),
    (Interval(), st.one_of(
        st.tuples(NUMBERS, NUMBERS).map(sorted).map(tuple), st.tuples(NUMBERS, st.none()), st.tuples(st.none(), NUMBERS)
    )),
    (Choice(("train", "test")), st.sampled_from(("train", "test"))),
    (Choice((0.5, 0.95, 1)), st.sampled_from((0.5, 0.95, 1))),
    (OrNone(Integer(4)), st.none() | st.integers(0, 9999)),
    (Items(Name()), st.lists(NAMES.filter(bool), unique=True).map(tuple)),
    (Items(Integer(), "_", most=3, lenient=True), st.lists(st.integers(0, 99), unique=True, max_size=3).map(tuple)),
    (Items(Choice(("file", "split")), none="none"), st.sampled_from(((), ("file",), ("split", "file")))),
    (Row((Integer(), Row((Name(), OrNone(Integer())), "-")), "~"), st.tuples(st.integers(0, 9), st.tuples(NAMES, st.none() | st.integers(0, 9)))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=[type(kind).__name__ for kind, _ in KINDS])
@given(data=st.data())
def test_a_value_survives_its_text(kind, values, data):
    value = data.draw(values)
    text = kind.encode(value)
    assert set(text) <= UNESCAPED, "a browser would escape it"
    assert kind.decode(text) == value


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=[type(kind).__name__ for kind, _ in KINDS])
@given(text=st.text() | st.text("0123456789-_.~abestrain%"))
def test_a_text_means_one_value_or_none(kind, values, text):
    try:
        value = kind.decode(text)
    except ValueError:
        return
    assert kind.decode(kind.encode(value)) == value


@given(st.dictionaries(st.sampled_from(("name", "count")), st.none(), min_size=1), NAMES, st.integers(0, 99), st.text(max_size=8))
def test_a_record_gives_what_can_be_read_and_names_the_rest(names, name, count, damage):
    record = Record({"name": Items(Name()), "count": Integer()}, joint="_")
    value = {"name": (name,) if name else (), "count": count}
    value = {key: value[key] for key in ("name", "count") if key in names}
    text = record.encode(value)
    assert record.decode(text) == (value, [])
    damaged = f"{text}~x{damage.replace('~', '')}"
    assert record.decode(damaged) == (value, [damaged.removeprefix(f"{text}~")])


def test_a_pattern_covers_the_whole_text():
    assert Text("[a-f]{2}").decode("af") == "af"
    for text in ("af\n", "xaf", "AF", ""):
        with pytest.raises(ValueError):
            Text("[a-f]{2}").decode(text)


@pytest.mark.parametrize("text", ["9" * 5000, "٣", "²", "1e3", " 1", "+1", "1_0", ""])
def test_only_plain_digits_are_a_number(text):
    for kind in (Integer(), Integer(signed=True)):
        with pytest.raises(ValueError):
            kind.decode(text)
