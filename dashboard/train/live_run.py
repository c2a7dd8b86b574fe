"""One run, while it trains and afterwards; everything is read from the run's files."""

import numpy as np
import pandas as pd
import psutil
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.polling import SECOND, poll
from dashboard.charts import training_curves
from dashboard.charts.palette import class_colours
from dashboard.components.live_chart import live_chart
from dashboard.components.run_actions import state_row
from dashboard.components.run_configuration import configuration_line
from dashboard.train.phases import progress_bars, time_spent
from engine.core.errors import UserError
from engine.evaluation.metrics import confused_pairs
from engine.runs import diagnostics
from engine.runs.diagnostics import TrainingSnapshot
from engine.runs.history import History, downsample
from engine.runs.run import Run, Status

_POLL_CHARTS = 2.0  # seconds
_NOTE_ICONS = {"info": ":material/info:", "advice": ":material/lightbulb:", "warning": ":material/warning:"}


def run_panel(run: Run) -> None:
    """Draw state, progress, diagnostics, curves and log of a run; polls while it is active, and reruns the page when its state changes.

    Two fragments: the head is redrawn every second, and the charts, which take longer, at their own pace.
    """
    drawn = run.status

    def is_outdated() -> bool:
        # The rest of the page shows the state as well: header, buttons, other runs.
        return run.status.state != drawn.state or not run.path.is_dir()

    def head() -> None:
        status, history = run.status, cache.history(run)
        state_row(run)
        _progress(status, history)
        configuration_line(run)
        if status.state == "finished":
            st.markdown(_summary(run, history))
        snapshot = TrainingSnapshot(
            history=history,
            config=run.config,
            classes=run.classes,
            state=status.state,
            memory_limit=psutil.virtual_memory().total,
        )
        for note in diagnostics.diagnose(snapshot):
            observation, suggestion = formatting.literal(note.observation), formatting.literal(note.suggestion)
            st.markdown(f"{_NOTE_ICONS[note.level]} {observation} {suggestion}".strip())

    def charts() -> None:
        history = cache.history(run)
        _curves(run, drawn, history)
        _log(run, history)

    poll(head, is_outdated, SECOND if drawn.active else None)
    poll(charts, interval=_POLL_CHARTS if drawn.active else None)


def _progress(status: Status, history: History) -> None:
    if status.active and not status.in_queue:
        progress_bars(status, history.states)
    elif text := time_spent(history.states):
        st.caption(text)


def _summary(run: Run, history: History) -> str:
    """The result in a sentence, as Markdown."""
    results = run.results
    try:
        scored = cache.scores(run, "test" if "test" in results else "validation")
        pairs = confused_pairs(np.array(scored["confusion"]), run.classes)
    except UserError:
        pairs = pd.DataFrame()
    return formatting.literal(diagnostics.summarise_result(results, history, pairs))


def _curves(run: Run, status: Status, history: History) -> None:
    """Draw the charts, empty ones while there is nothing to draw yet, so that nothing moves when there is."""
    if history.empty and (not status.active or status.in_queue):
        return
    if run.config.method == "linear":
        live_chart(
            training_curves.regularisation_curve(history.candidates),
            f"candidates-{run.id}",
            "Validation loss by regularisation strength",
        )
        st.caption("The linear probe at each regularisation strength: the one with the lowest validation loss is used.")
        return
    # A paused or failed run may be resumed: its charts still show all planned epochs.
    planned = run.config.epochs if status.state != "finished" else None
    left, right = st.columns(2, gap="medium")
    for column, metric in ((left, "loss"), (right, "macro_f1")):
        with column:
            figure = training_curves.epoch_curves(history.epochs, metric, history.best_epoch, planned)
            live_chart(figure, f"{metric}-{run.id}", f"{metric.replace('_', ' ')} by epoch, train and validation")
    recalls = history.recalls(run.classes)
    with st.container(key=f"recalls-place-{run.id}"):
        if len(recalls) or (status.active and not len(history.epochs)):
            st.markdown("Validation recall by class")
            figure = training_curves.class_recalls(recalls, class_colours(run.classes), planned)
            live_chart(figure, f"recalls-{run.id}", "Validation recall of each class by epoch")
    _steps(run, history)


def _steps(run: Run, history: History) -> None:
    if not len(history.steps):
        return
    st.markdown(_figures(history))
    charts = {"loss": "batch loss", "learning_rate": "learning rate", "rate": "images/s"}
    for column, (field, name) in zip(st.columns(len(charts), gap="medium"), charts.items(), strict=True):
        with column:
            figure = training_curves.step_curve(downsample(history.steps, field), name, from_zero=field != "loss")
            live_chart(figure, f"step-{field}-{run.id}", f"{name} by step")


def _figures(history: History) -> str:
    """The current step, speed, loss, learning rate, memory and waiting time, as Markdown."""
    last, memory, waiting = history.steps.iloc[-1], history.latest("memory"), history.latest("waiting")
    figures = [
        f"Step **{int(last['step']):,}**",
        f"**{history.steps['rate'].tail(20).median():.1f}** images/s",
        f"batch loss **{last['loss']:,.3f}**",
        f"learning rate **{last['learning_rate']:.2g}**",
    ]
    if memory is not None:
        figures.append(f"memory **{memory / 1e9:.1f}** of {psutil.virtual_memory().total / 1e9:.0f} GB")
    if waiting is not None:
        figures.append(f"**{waiting:.0%}** of the time waiting for data")
    return ", ".join(figures)


def _log(run: Run, history: History) -> None:
    """Draw the run's messages, then the end of what the process printed. Messages that are printed as well appear once."""
    tail = run.log_tail(30)
    printed = set(tail.splitlines())
    lines = [text for text in history.messages["text"].astype(str) if text not in printed] if len(history.messages) else []
    text = "\n".join([*lines, *([""] if lines else []), "train.log:", tail]).strip()
    with st.expander("Log", icon=":material/notes:", key=f"log-{run.id}"):
        st.code(text if tail or lines else "Nothing yet.", language=None, wrap_lines=True)
