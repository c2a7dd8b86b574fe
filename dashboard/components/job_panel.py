"""The progress of a background job and a button that stops it: the same line on every page."""

from collections.abc import Callable

import streamlit as st

from dashboard.app import formatting
from engine.core.jobs import Job, JobStatus

_POLL = 1.0  # seconds


def job_panel(job: Job, label: str, key: str, failed: str, since: float = 0.0) -> bool:
    """Whether the job is working; draws its progress, or the sentence `failed` and the reason if it failed after `since`.

    Updated every second while it works; the page is redrawn when it ends.
    """
    is_working = job.status().state == "working"

    @st.fragment(run_every=_POLL if is_working else None)
    def progress() -> None:
        now = job.status()
        if is_working and now.state != "working":
            st.rerun()
        if now.state == "working":
            progress_bar(now, label, key, job.stop)
        elif now.state == "failed" and now.updated > since:
            st.error(f"{failed} {formatting.literal(f'{now.message} {now.hint}')}", icon=":material/error:")

    progress()
    return is_working


def progress_bar(now: JobStatus, label: str, key: str, stop: Callable[[], None]) -> None:
    """Draw the progress. `label`: before the phase, "" where the phase says enough. What a job has done is kept when it is stopped."""
    left = f", {formatting.duration(now.eta)} left" if now.eta is not None else ""
    count = f": {now.done:,} of {now.total:,}{left}" if now.total > 1 else ""
    phase = f"{label}: {formatting.literal(now.phase)}" if label else formatting.literal(now.phase.capitalize())
    # Not in columns: in half a page they would leave too little room for the button's label.
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-row"):
        st.progress(min(now.done / now.total, 1.0) if now.total else 0.0, text=f"{phase}{count}")
        st.button("Stop", icon=":material/stop:", key=key, help="What is done is kept.", on_click=stop)
