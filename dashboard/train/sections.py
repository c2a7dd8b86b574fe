"""The sections of the Train page besides the form: what it shows, the button that starts a run, and the other runs."""

import streamlit as st

from dashboard.app import formatting, train_options, url_state
from dashboard.app.parameters import DATASET, LIKE, PRESET, RUN, VIEW
from dashboard.app.polling import poll
from dashboard.app.scroll import scroll_to_top
from dashboard.components.page_header import PageContext
from dashboard.train.probes import time_estimate
from engine.core.errors import UserError
from engine.runs.config import Config
from engine.runs.run import Run, Status, list_runs
from engine.training import launcher

_VIEWS = {"new": "New run", "run": "Selected run"}


def train_title(context: PageContext) -> str:
    """The title of the page: about the run that is shown, or about a new one."""
    if context.run is None or _initial_view() == "new":
        return "How should it learn?"
    return "How is it learning?" if context.run.status.active else "How did it learn?"


def _initial_view() -> str:
    """The view that the address asks for."""
    return VIEW.read() or ("new" if LIKE.read() or PRESET.read() else "run")


def choose_view(context: PageContext) -> str:
    """Draw the choice between `new`, the form, and `run`, the run of the header; at first `run`, unless the address has a preset."""
    if context.run is None:
        VIEW.clear()
        return "new"
    return url_state.choose(
        st.segmented_control, "View", VIEW, default=_initial_view(), format_func=_VIEWS.__getitem__,
        label_visibility="collapsed",
    )  # fmt: skip


def start_row(config: Config | None) -> None:
    """Draw the button that starts the run, and how long it will take."""
    problem = ""
    with st.container(horizontal=True, vertical_alignment="center", key="start-row"):
        pressed = st.button("Train", type="primary", icon=":material/play_arrow:", disabled=config is None)
        if pressed and config is not None:
            try:
                _start(config)
            except UserError as error:
                problem = str(error)
        if config is not None:
            time_estimate(config)
    if problem:
        st.error(formatting.literal(problem), icon=":material/error:")


def _start(config: Config) -> None:
    """Start the run and show it. Raises UserError."""
    RUN.request(launcher.start(config).id)
    VIEW.request("run")
    # The form's changes are now in the new run: whoever duplicates the same run again starts without them.
    if copied := LIKE.read():
        train_options.reset(copied)
    LIKE.clear()
    scroll_to_top()
    st.rerun()


def other_runs(context: PageContext, shown: Run | None) -> None:
    """Draw the runs that are computing or waiting, besides the one that is shown; polls only while there are any."""

    def active_runs() -> list[tuple[Run, Status]]:
        return [(run, status) for run in _others(shown) if (status := run.status).active]

    def draw() -> None:
        st.subheader("Other active runs", anchor=False)
        for run, status in active_runs():
            text, action = st.columns([6, 1], vertical_alignment="center")
            share = f", {status.progress:.0%}" if status.state == "training" else ""
            text.markdown(
                f"{formatting.run_badge(run)} **{run.id}** {formatting.literal(run.metadata.name)} {formatting.literal(run.config.model)} "
                f"on {formatting.literal(run.config.dataset)} {formatting.literal(status.detail)}{share}"
            )
            if action.button("Watch", key=f"watch-{run.id}", width="stretch"):
                DATASET.request(run.config.dataset)
                RUN.request(run.id)
                VIEW.request("run")
                scroll_to_top()
                st.rerun()

    if active_runs():
        poll(draw, lambda: not active_runs())


def _others(shown: Run | None) -> list[Run]:
    return [run for run in list_runs() if shown is None or run.id != shown.id]
