"""How far a job in the background is, and a button that ends it: the same line on every page."""

from collections.abc import Callable

import streamlit as st

from dashboard.app import formatting
from engine.core.jobs import Job, JobStatus

_POLL = 1.0  # seconds


def job_panel(job: Job, what: str, key: str, failed: str, since: float = 0.0) -> bool:
    """What a job does, or, where it failed after `since`, the sentence `failed` and why; whether it is at work.

    Looked at again every second while it works; the page is drawn anew when it ends.
    """
    busy = job.status().state == "working"

    @st.fragment(run_every=_POLL if busy else None)
    def progress() -> None:
        now = job.status()
        if busy and now.state != "working":
            st.rerun()
        if now.state == "working":
            progress_bar(now, what, key, job.stop)
        elif now.state == "failed" and now.updated > since:
            st.error(f"{failed} {formatting.literal(f'{now.message} {now.hint}')}", icon=":material/error:")

    progress()
    return busy


def progress_bar(now: JobStatus, what: str, key: str, stop: Callable[[], None]) -> None:
    """`what`: begins the line, before the phase ("" where the phase says it all). What a job has done is kept when it is ended."""
    left = f", {formatting.duration(now.eta)} left" if now.eta is not None else ""
    count = f": {now.done:,} of {now.total:,}{left}" if now.total > 1 else ""
    said = f"{what}: {formatting.literal(now.phase)}" if what else formatting.literal(now.phase.capitalize())
    # Not in columns, where half a page leaves the button too little room for its label.
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-row"):
        st.progress(min(now.done / now.total, 1.0) if now.total else 0.0, text=f"{said}{count}")
        st.button("Stop", icon=":material/stop:", key=key, help="What is done is kept.", on_click=stop)
