"""A run while it runs, and what it looks like when it is over: read from its files alone."""

import streamlit as st

from dashboard import charts, words
from dashboard.failure import attempt
from engine import launcher
from engine.history import History, history
from engine.runs import Run

_POLL = 1.0  # seconds


def run_panel(run: Run) -> None:
    """State, progress, curves and log of a run; polls only while it is active, and reruns the page once when it ends."""
    active = run.status.active

    @st.fragment(run_every=_POLL if active else None)
    def panel() -> None:
        status = run.status
        if active and not status.active:
            st.rerun()
        _state_line(run)
        story = history(_events(run))
        _curves(run, story)
        _messages(run, story)

    panel()


def _state_line(run: Run) -> None:
    status = run.status
    text, action = st.columns([6, 1], vertical_alignment="center")
    text.markdown(f"{words.badge(status)} **{run.id}** {words.literal(status.detail)}")
    if status.active:
        left = f"{words.duration(status.eta)} left" if status.eta else "working out the time left"
        st.progress(min(max(status.progress, 0.0), 1.0), text="not computing yet" if status.state == "queued" else left)
        if action.button(
            "Stop", icon=":material/stop:", key=f"stop-{run.id}", help="Finish the batch, save, end. It can be resumed."
        ):
            attempt(launcher.stop, run)
    elif status.state != "finished" and action.button("Resume", icon=":material/play_arrow:", key=f"resume-{run.id}"):
        attempt(launcher.resume, run)
    if status.error:
        st.error(f"{words.literal(status.error)} {words.literal(status.hint)}", icon=":material/error:")


def _curves(run: Run, story: History) -> None:
    """The chart's place is kept while a run has nothing to draw yet, so that nothing jumps when it has."""
    empty = not len(story.epochs) and not len(story.candidates)
    if empty and not run.status.active:
        return
    with st.container(height=340, border=False):
        if len(story.epochs):
            st.plotly_chart(charts.learning_curves(story.epochs, story.best_epoch), config=charts.CONFIG, key=f"curves-{run.id}")
        elif len(story.candidates):
            st.caption("The linear head at each strength of regularisation; the one with the lowest validation loss is chosen.")
            st.plotly_chart(charts.candidates(story.candidates), config=charts.CONFIG, key=f"candidates-{run.id}")
        else:
            st.caption("The first scores appear here.")
    if len(story.steps):
        last = story.steps.iloc[-1]
        st.markdown(
            f"Step **{int(last['step']):,}**, **{story.steps['rate'].tail(20).median():.1f}** images/s, "
            f"batch loss **{last['loss']:.3f}**, learning rate **{last['learning_rate']:.2g}**"
        )


def _messages(run: Run, story: History) -> None:
    lines = [f"{m.text}" for m in story.messages.itertuples()] if len(story.messages) else []
    tail = run.log_tail(30)
    with st.expander("Log", icon=":material/notes:", key=f"log-{run.id}"):
        st.code("\n".join([*lines, "", "train.log:", tail]).strip() or "Nothing yet.", language=None, wrap_lines=True)


def _events(run: Run) -> list[dict]:
    """All events so far; each rerun reads only what is new."""
    offset, events = st.session_state.get(f"events-{run.id}", (0, []))
    fresh, offset = run.events(offset)
    events = events + fresh
    st.session_state[f"events-{run.id}"] = (offset, events)
    return events
