"""The analysis of a dataset while it runs in the background: progress, time left, and what to do if it failed."""

import streamlit as st

from dashboard.app import formatting
from dashboard.app.error_page import try_and_rerun
from dashboard.components.job_panel import progress_bar
from engine.data import analysis
from engine.data.datasets import Dataset

_POLL = 1.0  # seconds


def analysis_state(data: Dataset) -> None:
    """Draw a progress bar while properties are computed, and a button where some are missing; otherwise nothing."""
    busy = analysis.job_status(data.name).state == "working"
    if busy or (analysis.is_due(data) and data.has_images):
        st.fragment(_state, run_every=_POLL if busy else None)(data, busy)


def _state(data: Dataset, busy: bool) -> None:
    now = analysis.job_status(data.name)
    if busy and now.state != "working":
        st.rerun()
    if busy:
        progress_bar(now, "Analysing images", "stop-analysis", lambda: analysis.stop(data.name))
        return
    text, action = st.columns([6, 1], vertical_alignment="center")
    n = data.catalog.count_unmeasured()
    if now.state == "failed":
        text.error(
            f"The images could not be analysed. {formatting.literal(f'{now.message} {now.hint}')}", icon=":material/error:"
        )
    else:
        text.caption(
            f"Brightness, contrast, sharpness and colourfulness have not been computed yet for {n:,} images, so filters and sorting by "
            "these skip them."
        )
    if action.button("Compute", icon=":material/play_arrow:", key="start-analysis"):
        try_and_rerun(analysis.start, data.name)
