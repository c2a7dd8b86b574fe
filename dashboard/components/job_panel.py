"""The progress of a background job and a button that stops it, or why it failed: the same on every page."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from dashboard.app import formatting
from dashboard.app.polling import SECOND, poll
from engine.core.job_kinds import KINDS
from engine.core.jobs import Job, JobStatus
from engine.core.processes import STARTED
from engine.core.progress import Progress


def job_panel(
    job: Job, failed: str, label: str | None = None, since: float = 0.0, is_held: Callable[[], bool] = lambda: False
) -> bool:
    """Whether the job is working; draws its progress every second, or the sentence `failed` and the reason if it failed after `since`.

    The page is drawn again when the job ends, unless it `is_held`. `label`: as in `progress_row`.
    """
    is_working = job.status().state == "working"

    def draw() -> None:
        status = job.status()
        if status.state == "working":
            progress_row(job, status, label)
        elif status.state == "failed" and status.updated > since:
            failure(job, status, failed)

    def has_ended() -> bool:
        return is_working and job.status().state != "working" and not is_held()

    poll(draw, has_ended, SECOND if is_working else None)
    return is_working


def progress_row(job: Job, status: JobStatus, label: str | None = None) -> None:
    """Draw the progress and the button that stops the job. `label`: before the phase, by default the kind's title; "" for none."""
    label = KINDS[job.kind].title if label is None else label
    # Not in columns: in half a page they would leave too little room for the button's label.
    with st.container(horizontal=True, vertical_alignment="center", key=f"job-{job.name}"):
        st.progress(status.progress.share, text=progress_text(status.progress, status.eta, label))
        st.button("Stop", icon=":material/stop:", key=f"stop-{job.name}", help="What is done is kept.", on_click=job.stop)


def progress_text(progress: Progress, eta: float | None, label: str = "") -> str:
    """`Audit: computing embeddings: 4 of 12, 20 s left`, as Markdown."""
    text = replace(progress, phase=formatting.literal(progress.phase)).text(eta)
    return f"{label}: {text}" if label else f"{text[:1].upper()}{text[1:]}"


def failure(job: Job, status: JobStatus, sentence: str = "") -> None:
    """Draw why the job failed, and what its process printed where it crashed."""
    reason = formatting.literal(f"{status.message} {status.hint}".strip())
    st.error(f"{sentence} {reason}".strip(), icon=":material/error:")
    if printed := job.log_tail().rpartition(STARTED)[2].partition("\n")[2].strip():
        with st.expander("Log", icon=":material/notes:", key=f"log-{job.name}"):
            st.code(printed, language=None, wrap_lines=True)
