"""The audit of a dataset: the button that starts it, its progress, and how old it is."""

from typing import Literal

import streamlit as st

from dashboard.app import viewer_time
from dashboard.app.error_page import try_action
from dashboard.app.parameters import FINDING, KIND, REVIEW
from dashboard.app.scroll import scroll_to_top
from dashboard.clean.review import Review
from dashboard.components.job_panel import job_panel
from engine.core.jobs import JobStatus
from engine.core.number_text import count_text
from engine.curation import acquisition, job
from engine.curation.review_queue import TO_LABEL
from engine.data.datasets import Dataset

_CHOOSING = "clean-choosing"  # the dataset for which images to label were requested


def audit_state(review: Review) -> None:
    """Draw the audit's progress, or the button that starts or continues it; nothing where it is done."""
    _show_choice(review.data)
    made = review.audit.document["made"] if review.audit else 0.0
    if job_panel(job(review.data.name), "The audit did not finish.", since=made):
        return
    now = job(review.data.name).status()
    if review.audit is None:
        _offer(review.data, now)
    elif _failed(review, now):
        _button(review.data, "Continue", "primary")


def audit_age(review: Review) -> None:
    """Draw when the audit was made, whether images or labels have changed since, and buttons for a new one and for acquisition."""
    now = job(review.data.name).status()
    if review.audit is None or now.state == "working":
        return
    text = f"Audit of {review.audit.document['images']:,} images, {viewer_time.time_ago(review.audit.document['made'])}."
    stale = " Images or labels have changed since." if review.audit.is_stale(review.data) else ""
    with st.container(horizontal=True, vertical_alignment="center", key="audit-age"):
        st.caption(text + stale, width="content")
        if not _failed(review, now):
            _button(review.data, "Audit again")
        _acquisition(review.data)


def _failed(review: Review, now: JobStatus) -> bool:
    """Whether the last audit failed and no other has been completed since."""
    return now.state == "failed" and (review.audit is None or now.updated > review.audit.document["made"])


def _offer(data: Dataset, now: JobStatus) -> None:
    interrupted = now.state in ("stopped", "failed")
    st.info(
        "The audit looks for duplicates, images that appear in two splits, labels that disagree with a model trained without the "
        "image, outliers and poor-quality images. It runs in the background and changes nothing."
        + (" Results so far are kept." if interrupted else ""),
        icon=":material/troubleshoot:",
    )
    _button(data, "Continue" if interrupted else "Start the audit", "primary")


def _button(data: Dataset, label: str, kind: Literal["primary", "secondary"] = "secondary") -> None:
    pressed = st.button(label, icon=":material/troubleshoot:", key="start-audit", type=kind, disabled=not data.has_images)
    if pressed and try_action(job(data.name).start):
        scroll_to_top()  # the progress bar is there, while this may be the button at the end of the page
        st.rerun()


def _acquisition(data: Dataset) -> None:
    """Draw the button that chooses unlabelled images to label, or its progress; where it failed, why."""
    if job_panel(acquisition.job(data.name), "The images could not be chosen.") or not acquisition.has_unlabelled(data):
        return
    pressed = st.button(
        "Choose images to label", icon=":material/new_label:", key="start-worth",
        help=f"{acquisition.SELECTION_SIZE} unlabelled images about which the model is uncertain and that differ from each other",
    )  # fmt: skip
    if pressed and try_action(acquisition.job(data.name).start):
        st.session_state[_CHOOSING] = data.name
        st.rerun()


def _show_choice(data: Dataset) -> None:
    """Once the requested images are chosen, show them: they are far above the button that was pressed."""
    work = acquisition.job(data.name).status()
    if st.session_state.get(_CHOOSING) != data.name or work.state == "working":
        return
    del st.session_state[_CHOOSING]
    if work.state == "done":
        REVIEW.request("one")
        KIND.request(TO_LABEL)
        FINDING.clear()
        scroll_to_top()
        st.toast(
            f"{count_text(len(acquisition.load_selection(data)), 'image')} chosen: label them here.", icon=":material/new_label:"
        )
