"""The progress of a background job and a button that stops it: the same line on every page."""

from collections.abc import Callable

import streamlit as st

from dashboard.app import formatting
from engine.core.jobs import Job, JobStatus
from engine.core.number_text import duration

_POLL = 1.0  # seconds


def job_panel(job: Job, label: str, key: str, failed: str, since: float = 0.0) -> bool:
    """Whether the job is working; draws its progress, or the sentence `failed` and the reason if it failed after `since`.

    Updated every second while it works; the page is redrawn when it ends.
    """
    is_working = job.status().state == "working"

    @st.fragment(run_every=_POLL if is_working else None)
    def progress() -> None:
        status = job.status()
        if is_working and status.state != "working":
            st.rerun()
        if status.state == "working":
            progress_bar(status, label, key, job.stop)
        elif status.state == "failed" and status.updated > since:
            st.error(f"{failed} {formatting.literal(f'{status.message} {status.hint}')}", icon=":material/error:")

    progress()
    return is_working


def progress_bar(status: JobStatus, label: str, key: str, stop: Callable[[], None]) -> None:
    """Draw the progress. `label`: before the phase, "" where the phase says enough. What a job has done is kept when it is stopped."""
    left = f", {duration(status.eta)} left" if status.eta is not None else ""
    count = f": {status.done:,} of {status.total:,}{left}" if status.total > 1 else ""
    phase = f"{label}: {formatting.literal(status.phase)}" if label else formatting.literal(status.phase.capitalize())
    # Not in columns: in half a page they would leave too little room for the button's label.
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-row"):
        st.progress(min(status.done / status.total, 1.0) if status.total else 0.0, text=f"{phase}{count}")
        st.button("Stop", icon=":material/stop:", key=key, help="What is done is kept.", on_click=stop)
