"""How long each phase of a run took, from the states that its events tell."""

from dashboard.train.phases import durations, latest_stretch, time_spent
from engine.runs.history import build_history


def states(*events):
    return build_history({"kind": "state", "state": state, "time": time, "detail": ""} for state, time in events).states


def test_a_phase_lasts_until_the_next_state():
    ran = states(("preparing", 100.0), ("training", 112.0), ("evaluating", 412.0), ("finished", 417.5))
    assert durations(ran) == {"preparing": 12.0, "training": 300.0, "evaluating": 5.5}
    assert time_spent(ran) == "Prepared in 12 s, trained in 5 min, evaluated in 6 s."


def test_the_phase_that_is_on_has_no_length_yet_and_a_resumed_run_counts_all_stretches():
    assert durations(states(("preparing", 1.0), ("training", 3.0))) == {"preparing": 2.0}
    again = states(("preparing", 1.0), ("training", 3.0), ("stopped", 9.0), ("preparing", 50.0), ("training", 54.0))
    assert durations(again) == {"preparing": 6.0, "training": 6.0}
    assert durations(latest_stretch(again)) == {"preparing": 4.0}
    assert (durations(states()), time_spent(states())) == ({}, "")


def test_after_a_kill_the_time_until_the_resume_is_no_training():
    killed = build_history([
        {"kind": "state", "state": "preparing", "time": 1.0, "detail": ""},
        {"kind": "state", "state": "training", "time": 3.0, "detail": ""},
        {"kind": "step", "step": 1, "loss": 1.0, "time": 8.0},
        {"kind": "state", "state": "preparing", "time": 1000.0, "detail": ""},
        {"kind": "state", "state": "training", "time": 1004.0, "detail": ""},
        {"kind": "state", "state": "finished", "time": 1010.0, "detail": ""},
    ]).states  # fmt: skip
    assert durations(killed) == {"preparing": 6.0, "training": 11.0}
    assert time_spent(killed) == "Prepared in 6 s, trained in 11 s."
