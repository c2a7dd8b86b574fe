"""Datasets that are being added: their progress, a confirmation at the end, and pages that wait for the first dataset."""

from collections.abc import Callable

import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.error_page import try_and_rerun
from dashboard.app.parameters import DATASET
from dashboard.app.polling import SECOND, poll
from dashboard.components.job_panel import failure, progress_row
from engine.data import add_job
from engine.data.add_job import PendingDataset
from engine.data.datasets import Dataset, list_datasets

_AWAITED = "datasets-awaited"  # names of the datasets that this session adds


def await_dataset(name: str) -> None:
    """Confirm this dataset, which is being added now, when it is ready."""
    st.session_state.setdefault(_AWAITED, []).append(name)


def welcome_added_datasets() -> None:
    """Confirm and choose the datasets of this session that are ready. Call it before the header, which shows the chosen dataset."""
    awaited = st.session_state.get(_AWAITED, [])
    if not awaited:
        return
    pending = {item.name for item in add_job.list_pending()}
    datasets = {data.name: data for data in list_datasets()}
    for name in [name for name in awaited if name not in pending]:
        awaited.remove(name)
        if name in datasets:
            DATASET.request(name)
            st.toast(added_sentence(datasets[name]), icon=":material/check:")


def added_sentence(data: Dataset) -> str:
    """`mine: 61 images added, 1 file skipped`, as Markdown."""
    images, skipped = int(data.catalog.counts()["n"].sum()), cache.unused_files(data).files
    sentence = f"{formatting.literal(data.name)}: {_number(images, 'image')} added"
    return f"{sentence}, {_number(skipped, 'file')} skipped" if skipped else sentence


def _number(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def pending_datasets(always: bool = False, ready: Callable[[], bool] = lambda: False) -> None:
    """Draw a row per dataset that is being added or could not be added; redraw the page when one is ready or `ready()` is true.

    Updated while there are any; with `always`, also while there is none.
    """
    drawn_names = _names_being_added()

    def draw() -> None:
        for item in add_job.list_pending():
            if item.is_working:
                progress_row(item.job, item.status, f"Adding **{formatting.literal(item.name)}**")
            else:
                _ended(item)

    poll(draw, lambda: _names_being_added() != drawn_names or ready(), SECOND if drawn_names or always else None)


def wait_for_dataset() -> None:
    """Draw what a page shows while there is no dataset; it continues by itself as soon as there is one."""
    creating = (
        "The demo dataset is being created: this page continues by itself when it is ready." if _names_being_added() else ""
    )
    st.info(f"There is no dataset yet. {creating or 'Add a folder of photos on the Start page.'}", icon=":material/folder_open:")
    pending_datasets(always=True, ready=lambda: bool(list_datasets()))
    st.page_link("../../pages/start.py", label="Go to Start", icon=":material/flag:")


def _names_being_added() -> set[str]:
    return {item.name for item in add_job.list_pending() if item.is_working}


def _ended(item: PendingDataset) -> None:
    """Draw why it was not added, and the ways to go on."""
    text, again, action = st.columns([6, 1, 1], vertical_alignment="center")
    name, has_failed = formatting.literal(item.name), item.status.state == "failed"
    with text:
        if has_failed:
            failure(item.job, item.status, f"**{name}** was not added.")
        else:
            st.info(f"Adding **{name}** was stopped. What was read is kept.", icon=":material/stop:")
    if again.button("Try again" if has_failed else "Continue", key=f"again-{item.name}"):
        await_dataset(item.name)
        try_and_rerun(add_job.start, item.source, item.name)
    if action.button("Dismiss", key=f"dismiss-{item.name}"):
        add_job.dismiss(item.name)
        st.rerun()
