"""The progress of a run: one bar per phase while it runs, one line of text once it is over."""

import pandas as pd
import streamlit as st

from dashboard.app import formatting
from engine.core.number_text import duration
from engine.runs.run import Status

PHASES = {"preparing": "Prepare", "training": "Train", "evaluating": "Evaluate"}
_DONE = {"preparing": "Prepared", "training": "trained", "evaluating": "evaluated"}


def progress_bars(status: Status, states: pd.DataFrame) -> None:
    """Draw one bar per phase with its time; states: `engine.runs.history.History.states`."""
    spent = durations(latest_stretch(states))
    order = list(PHASES)
    now = order.index(status.state) if status.state in order else -1
    for place, (column, phase) in enumerate(zip(st.columns(len(order), gap="medium"), order, strict=True)):
        if place < now:
            column.progress(1.0, text=f"{PHASES[phase]}: done in {duration(spent.get(phase))}")
        elif place > now:
            column.progress(0.0, text=f"{PHASES[phase]}: waiting")
        else:
            share = min(max(status.progress, 0.0), 1.0)
            left = f"{duration(status.eta)} left" if status.eta else "estimating time left"
            column.progress(share, text=f"{PHASES[phase]}: {formatting.literal(status.detail)}, {left}")


def time_spent(states: pd.DataFrame) -> str:
    """`Prepared in 12 s, trained in 3 min, evaluated in 5 s.`: in total, if the run was resumed."""
    texts = [f"{_DONE[phase]} in {duration(seconds)}" for phase, seconds in durations(states).items()]
    return f"{', '.join(texts).capitalize()}." if texts else ""


def durations(states: pd.DataFrame) -> dict[str, float]:
    """Seconds in each phase that is over, summed where a resumed run was in it several times."""
    if not len(states):
        return {}
    spent: dict[str, float] = {}
    for state, seconds in zip(states["state"], states["time"].shift(-1) - states["time"], strict=True):
        if state in PHASES and seconds >= 0:
            spent[state] = spent.get(state, 0.0) + float(seconds)
    return {phase: spent[phase] for phase in PHASES if phase in spent}


def latest_stretch(states: pd.DataFrame) -> pd.DataFrame:
    """The states since the run was last started or resumed."""
    starts = states.index[states["state"] == "preparing"] if len(states) else []
    return states.loc[starts[-1] :] if len(starts) else states
