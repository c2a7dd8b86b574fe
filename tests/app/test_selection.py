"""What is selected in a grid: the server's word, whatever order the browser's reports come in."""

import pytest
import streamlit as st

from dashboard.app import formatting
from dashboard.components.gallery import GridSelection
from dashboard.components.reports import Channel

PAGE, OTHER = frozenset(range(1, 7)), frozenset(range(7, 13))


@pytest.fixture(autouse=True)
def _session(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})


def take(key, *reports, shown=PAGE, one=False):
    """The grid's script repeats these reports, {revision, value}, and Python takes what is new."""
    st.session_state[key] = {"selected": list(reports)}
    GridSelection(key).take_reports(Channel(key, "selected", lasting=True), shown, one)
    return GridSelection(key).read()


def report(revision, *ids, others=True):
    return {"revision": revision, "value": {"ids": list(ids), "others": others}}


def test_a_report_counts_once_so_that_what_was_cleared_stays_cleared():
    assert take("grid", report(1, 3, 5)) == (3, 5)
    GridSelection("grid").clear()
    assert take("grid", report(1, 3, 5)) == (), "the browser goes on repeating its last report"
    assert take("grid", report(2, 4)) == (4,)


def test_images_of_other_pages_stay_until_all_is_cleared():
    take("grid", report(1, 3, 5))
    assert take("grid", report(2, 9), shown=OTHER) == (3, 5, 9)
    assert take("grid", report(3, 5)) == (5, 9), "what is on the page and not in the report was released"
    assert take("grid", report(4, others=False), shown=OTHER) == ()


def test_only_what_was_shown_can_be_selected():
    assert take("grid", report(1, 3, 99, 8)) == (3,)
    for nonsense in (None, 7, [1], {}, {"ids": "12"}, {"ids": None}):
        assert take("grid", {"revision": 2, "value": nonsense}) == (3,)
    assert take("grid", {"revision": 3, "value": {"ids": ["4", None, 4.5, 5]}}) == (5,)


def test_one_replaces_the_other():
    for revision, image in enumerate((3, 5), start=1):
        assert take("grid", report(revision, image), one=True) == (image,)


def test_another_dataset_begins_with_nothing_selected():
    GridSelection("grid").write([3, 3, 5])
    GridSelection("grid").enter_scope("demo")
    assert GridSelection("grid").read() == (3, 5), "chosen before the grid was drawn"
    GridSelection("grid").enter_scope("demo")
    assert GridSelection("grid").read() == (3, 5)
    GridSelection("grid").enter_scope("intel")
    assert GridSelection("grid").read() == ()


def test_grids_do_not_share_a_selection():
    take("one", report(1, 3))
    assert GridSelection("other").read() == ()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines\tand  more", "two lines and more"),
        ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
        ("sea\u200f", "sea\\u200f"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("שלום", "שלום"),
        ("می\u200cخواهم 👩\u200d🔬", "می\u200cخواهم 👩\u200d🔬"),
        ("<b>*plain*</b>", "<b>*plain*</b>"),
    ],
)
def test_a_name_is_one_line_on_which_every_sign_can_be_seen(name, shown):
    assert formatting.plain(name) == shown
