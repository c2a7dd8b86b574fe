"""A run while it runs, and what it looks like when it is over: read from its files alone."""

import numpy as np
import pandas as pd
import psutil
import streamlit as st

from dashboard import cached, curves, words
from dashboard.charts import CONFIG
from dashboard.palette import class_colours
from dashboard.phases import progress_bars, time_spent
from dashboard.run_actions import control_buttons
from engine import notes
from engine.errors import UserError
from engine.history import History, thin
from engine.metrics import confused_pairs
from engine.notes import Told
from engine.runs import Run, Status

_POLL = 1.0  # seconds
_NOTE_ICONS = {"info": ":material/info:", "advice": ":material/lightbulb:", "warning": ":material/warning:"}


def run_panel(run: Run) -> None:
    """State, progress, notes, curves and log of a run; polls while it is active, and draws the page anew when its state changes."""
    drawn = run.status

    @st.fragment(run_every=_POLL if drawn.active else None)
    def panel() -> None:
        status = run.status
        if status.state != drawn.state or not run.path.is_dir():
            # The rest of the page names the state as well: header, buttons, other runs.
            st.rerun()
        story = cached.history(run)
        _state_line(run, status)
        _progress(status, story)
        if status.state == "finished":
            st.markdown(_lesson(run, story))
        for note in notes.notes(Told(story, run.config, run.classes, status.state, psutil.virtual_memory().total)):
            st.markdown(f"{_NOTE_ICONS[note.level]} {words.literal(note.seen)} {words.literal(note.way)}".strip())
        _curves(run, status, story)
        _log(run, story)

    panel()


def _state_line(run: Run, status: Status) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"state-{run.id}"):
        # What a finished run learnt comes in a sentence of its own.
        detail = "" if status.state == "finished" or status.paused else words.literal(status.detail)
        st.markdown(f"{words.badge(status)} **{run.id}** {words.literal(run.about.name)} {detail}", width="stretch")
        control_buttons(run)
    if status.error:
        st.error(f"{words.literal(status.error)} {words.literal(status.hint)}", icon=":material/error:")


def _progress(status: Status, story: History) -> None:
    if status.active:
        progress_bars(status, story.states)
    elif said := time_spent(story.states):
        st.caption(said)


def _lesson(run: Run, story: History) -> str:
    results = run.results
    try:
        scored = cached.scores(run, "test" if "test" in results else "validation")
        pairs = confused_pairs(np.array(scored["confusion"]), run.classes)
    except UserError:
        pairs = pd.DataFrame()
    return words.literal(notes.lesson(results, story, pairs))


def _curves(run: Run, status: Status, story: History) -> None:
    """The charts' places are kept while a run has nothing to draw yet, so that nothing jumps when it has."""
    if story.empty and not status.active:
        return
    if run.config.method == "linear":
        st.plotly_chart(curves.candidates(story.candidates), config=CONFIG, key=f"candidates-{run.id}")
        st.caption("The linear head at each strength of regularisation; the one with the lowest validation loss is chosen.")
        return
    planned = run.config.epochs if status.active else None
    left, right = st.columns(2, gap="medium")
    for column, metric in ((left, "loss"), (right, "macro_f1")):
        figure = curves.epoch_curves(story.epochs, metric, story.best_epoch, planned)
        column.plotly_chart(figure, config=CONFIG, key=f"{metric}-{run.id}")
    recalls = story.recalls(run.classes)
    if len(recalls) or status.active and not len(story.epochs):
        st.markdown("Validation recall by class")
        figure = curves.class_recalls(recalls, class_colours(run.classes), planned)
        st.plotly_chart(figure, config=CONFIG, key=f"recalls-{run.id}")
    _steps(run, story)


def _steps(run: Run, story: History) -> None:
    if not len(story.steps):
        return
    st.markdown(_figures(story))
    charts = {"loss": "batch loss", "learning_rate": "learning rate", "rate": "images/s"}
    for column, (field, name) in zip(st.columns(len(charts), gap="medium"), charts.items(), strict=True):
        figure = curves.step_curve(thin(story.steps, field), name, from_zero=field != "loss")
        column.plotly_chart(figure, config=CONFIG, key=f"step-{field}-{run.id}")


def _figures(story: History) -> str:
    """Where the training is, in numbers."""
    last, memory, waiting = story.steps.iloc[-1], story.latest("memory"), story.latest("waiting")
    said = [
        f"Step **{int(last['step']):,}**",
        f"**{story.steps['rate'].tail(20).median():.1f}** images/s",
        f"batch loss **{last['loss']:.3f}**",
        f"learning rate **{last['learning_rate']:.2g}**",
    ]
    if memory is not None:
        said.append(f"memory **{memory / 1e9:.1f}** of {psutil.virtual_memory().total / 1e9:.0f} GB")
    if waiting is not None:
        said.append(f"**{waiting:.0%}** of the time waiting for images, the rest computing")
    return ", ".join(said)


def _log(run: Run, story: History) -> None:
    lines = [f"{m.text}" for m in story.messages.itertuples()] if len(story.messages) else []
    with st.expander("Log", icon=":material/notes:", key=f"log-{run.id}"):
        st.code("\n".join([*lines, "", "train.log:", run.log_tail(30)]).strip() or "Nothing yet.", language=None, wrap_lines=True)
