"""Reports of a component's script: each counts once, and none is lost, whatever the browser repeats and the server misses."""

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as draw

from dashboard.components.reports import Channel, channel_data


@pytest.fixture(autouse=True)
def _session(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})


def send(channel, *reports):
    """What the browser repeats with each message: (revision, value)."""
    st.session_state[channel.key] = {channel.name: [{"revision": revision, "value": value} for revision, value in reports]}


def test_two_reports_in_one_run_both_count_and_neither_twice():
    channel = Channel("map", "opened", lasting=True)
    send(channel, (1, "a"), (2, "b"))
    assert channel.take() == ["a", "b"]
    assert channel.take() == []
    send(channel, (2, "b"), (3, "c"))
    assert channel.take() == ["c"], "the browser repeats what it did not know to be taken"
    assert channel_data(channel) == {"key": "map", "revisions": {"opened": 3}}


def test_an_event_of_an_earlier_session_is_not_repeated_in_the_next():
    channel = Channel("grid", "opened")
    first = channel.revision
    send(channel, (first + 1, 7))
    assert channel.take() == [7]
    reports = st.session_state["grid"]
    st.session_state.clear()  # the server was started again, and the open tab sends all that it knows
    st.session_state["grid"] = reports
    st.session_state["grid-opened-taken"] = first + 1000  # the revision of a session that began a second later
    assert channel.take() == []


def test_a_lasting_report_of_an_earlier_session_is_taken_over_by_the_next():
    channel = Channel("grid", "selected", lasting=True)
    send(channel, (5, [1, 2]))
    assert channel.take() == [[1, 2]]
    assert channel.take() == []


def test_the_next_session_begins_above_all_numbers_of_the_last(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.0)
    first = Channel("grid", "opened").revision
    st.session_state.clear()
    monkeypatch.setattr("time.time", lambda: 1002.0)
    assert Channel("grid", "opened").revision - first == 2000


@given(draw.lists(draw.tuples(draw.booleans(), draw.booleans()), max_size=30))
def test_whatever_messages_the_server_misses_each_report_is_taken_once_and_in_order(steps):
    """Each step: the person does something or not, and the server sees the state of the moment or not."""
    st.session_state.clear()
    channel, made, taken, waiting = Channel("grid", "opened", lasting=True), 0, [], []
    for acts, seen in steps:
        if acts:
            made += 1
            waiting = [*(one for one in waiting if one[0] > channel.revision), (made, made)]  # as reports.js
        if seen:
            send(channel, *waiting)
            taken += channel.take()
    send(channel, *waiting)
    taken += channel.take()
    assert taken == list(range(1, made + 1))


@pytest.mark.parametrize("state", [None, 7, {}, {"opened": 7}, {"opened": [7, None, {}, {"revision": "9"}, {"revision": 1.5}]}])
def test_nonsense_of_a_browser_is_no_report(state):
    st.session_state["grid"] = state
    assert Channel("grid", "opened", lasting=True).take() == []
