"""The out-of-distribution detector of a run: whether it is ready, its progress while it is fitted, and why it is unavailable."""

import streamlit as st

from dashboard.app import formatting
from dashboard.app.error_page import try_and_rerun
from dashboard.components.job_panel import job_panel
from dashboard.predict.detail import detail_is_open
from engine.core.errors import UserError
from engine.inference import ood
from engine.runs.run import Run

_UNAVAILABLE = "Out-of-distribution detection is unavailable"


def is_detector_ready(run: Run) -> bool:
    """Whether there is nothing to wait for: the detector is fitted, or it cannot be. Otherwise starts the job that fits it."""
    if ood.load_detector(run) is not None:
        return True
    state = ood.job(run).status().state
    if state in ("none", "done"):  # done: for an earlier checkpoint, or its files were deleted
        try:
            ood.job(run).start()
        except UserError as error:
            st.caption(formatting.literal(f"{_UNAVAILABLE}: {error}"))
            return True
    return state in ("failed", "stopped")


def detector_progress(run: Run) -> None:
    """Draw the progress of the fitting; rerun the page when it is done."""
    job_panel(ood.job(run), f"{_UNAVAILABLE}:", is_held=detail_is_open)  # a rerun would close the detail
    st.caption(f"The detector of {formatting.literal(run.id)} is fitted once per run. Predictions are already available.")


def detector_problem(run: Run) -> None:
    """Draw why the detector is unavailable, where it is."""
    now, detector = ood.job(run).status(), ood.load_detector(run)
    if detector is not None and detector.reason:
        st.caption(f":material/info: {formatting.literal(run.id)}: {formatting.literal(detector.reason)}")
    if now.state in ("failed", "stopped") and detector is None:
        text, action = st.columns([6, 1], vertical_alignment="center")
        text.caption(formatting.literal(f"{_UNAVAILABLE}: {now.message} {now.hint}"))
        if action.button("Try again", key="novelty-again"):
            try_and_rerun(ood.job(run).start)
