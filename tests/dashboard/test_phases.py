"""How long each phase of a run took, from the states that its events tell."""

from dashboard.phases import durations, time_spent
from engine.history import history


def states(*told):
    return history({"kind": "state", "state": state, "time": time, "detail": ""} for state, time in told).states


def test_a_phase_lasts_until_the_next_state():
    ran = states(("preparing", 100.0), ("training", 112.0), ("evaluating", 412.0), ("finished", 417.5))
    assert durations(ran) == {"preparing": 12.0, "training": 300.0, "evaluating": 5.5}
    assert time_spent(ran) == "Prepared in 12 s, trained in 5 min, evaluated in 6 s."


def test_the_phase_that_is_on_has_no_length_yet_and_a_resumed_run_counts_anew():
    assert durations(states(("preparing", 1.0), ("training", 3.0))) == {"preparing": 2.0}
    again = states(("preparing", 1.0), ("training", 3.0), ("stopped", 9.0), ("preparing", 50.0), ("training", 54.0))
    assert durations(again) == {"preparing": 4.0}
    assert (durations(states()), time_spent(states())) == ({}, "")
