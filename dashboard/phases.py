"""How far a run is: a bar for each phase while it runs, a line once it is over."""

import time

import pandas as pd
import streamlit as st

from dashboard import words
from engine.runs import Status

PHASES = {"preparing": "Prepare", "training": "Train", "evaluating": "Evaluate"}
_DONE = {"preparing": "Prepared", "training": "trained", "evaluating": "evaluated"}


def progress_bars(status: Status, states: pd.DataFrame) -> None:
    """One bar a phase, each with what it does and how long it takes; states: `engine.history.History.states`."""
    spent = durations(states)
    order = list(PHASES)
    now = order.index(status.state) if status.state in order else -1
    for place, (column, phase) in enumerate(zip(st.columns(len(order), gap="medium"), order, strict=True)):
        if place < now:
            column.progress(1.0, text=f"{PHASES[phase]}: done in {words.duration(spent.get(phase))}")
        elif place > now:
            column.progress(0.0, text=f"{PHASES[phase]}: to come")
        else:
            share = min(max(status.progress, 0.0), 1.0)
            left = f"{words.duration(status.eta)} left" if status.eta else "working out the time left"
            column.progress(share, text=f"{PHASES[phase]}: {words.literal(status.detail)}, {left}")


def time_spent(states: pd.DataFrame) -> str:
    """`Prepared in 12 s, trained in 3 min, evaluated in 5 s.`: of the phases that came to their end."""
    said = [f"{_DONE[phase]} in {words.duration(seconds)}" for phase, seconds in durations(states).items()]
    return f"{', '.join(said).capitalize()}." if said else ""


def durations(states: pd.DataFrame) -> dict[str, float]:
    """Seconds in each phase that the run has left again."""
    if not len(states):
        return {}
    spent = states["time"].shift(-1) - states["time"]
    return {
        state: float(seconds) for state, seconds in zip(states["state"], spent, strict=True) if state in PHASES and seconds >= 0
    }


def since(moment: float) -> str:
    return words.duration(max(0.0, time.time() - moment))
