"""The analysis of a dataset while it runs in the background: progress, time left, and what to do if it failed."""

import streamlit as st

from dashboard.app.error_page import try_and_rerun
from dashboard.components.job_panel import job_panel
from engine.data import analysis
from engine.data.datasets import Dataset


def analysis_state(data: Dataset) -> None:
    """Draw a progress bar while properties are computed, and a button where some are missing; otherwise nothing."""
    job = analysis.job(data.name)
    is_missing = analysis.is_due(data) and data.has_images
    # Once nothing is missing, a failure does not matter any more.
    if (job.running or is_missing) and job_panel(job, "The images could not be analysed."):
        return
    if not is_missing:
        return
    text, action = st.columns([6, 1], vertical_alignment="center")
    text.caption(
        f"Brightness, contrast, sharpness and colourfulness have not been computed yet for {data.catalog.count_unmeasured():,} images, so "
        "filters and sorting by these skip them."
    )
    if action.button("Compute", icon=":material/play_arrow:", key="start-analysis"):
        try_and_rerun(job.start)
