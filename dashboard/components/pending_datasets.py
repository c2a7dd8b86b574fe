"""Datasets on their way in: how far each is, what was added when it is there, and pages that wait for the first one."""

from collections.abc import Callable

import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from engine.data import add_job
from engine.data.add_job import PendingDataset
from engine.data.datasets import Dataset, list_datasets

_POLL = 0.7  # seconds
_AWAITED = "datasets-awaited"  # names of the datasets that this session adds


def await_dataset(name: str) -> None:
    """Say so when this dataset, which was just started to be added, is there."""
    st.session_state.setdefault(_AWAITED, []).append(name)


def welcome_added_datasets() -> None:
    """Confirm what this session added and what has arrived, and choose it. Before the header: it shows the chosen dataset."""
    awaited = st.session_state.get(_AWAITED, [])
    if not awaited:
        return
    pending = {item.name for item in add_job.list_pending()}
    known = {data.name: data for data in list_datasets()}
    for name in [name for name in awaited if name not in pending]:
        awaited.remove(name)
        if name in known:
            url_state.set_choice("dataset", name)
            st.toast(added_sentence(known[name]), icon=":material/check:")


def added_sentence(data: Dataset) -> str:
    """`mine: 61 images added, 1 file skipped`, as Markdown."""
    images, skipped = int(data.catalog.counts()["n"].sum()), cache.unused_files(data).files
    said = f"{formatting.literal(data.name)}: {_number(images, 'image')} added"
    return f"{said}, {_number(skipped, 'file')} skipped" if skipped else said


def _number(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def pending_datasets(always: bool = False, ready: Callable[[], bool] = lambda: False) -> None:
    """A row per dataset that is being added or that could not be; the page is drawn anew when one arrives or `ready` says so.

    Looks again while there are any; with `always`, also while there is none.
    """
    drawn = _under_way()

    @st.fragment(run_every=_POLL if drawn or always else None)
    def progress() -> None:
        if _under_way() != drawn or ready():
            st.rerun()
        for item in add_job.list_pending():
            if item.state == "failed":
                _failure(item)
            else:
                _progress(item)

    progress()


def wait_for_dataset() -> None:
    """What a page shows while there is no dataset at all; it goes on by itself as soon as there is one."""
    creating = "The demo dataset is being created: this page continues by itself when it is ready." if _under_way() else ""
    st.info(f"There is no dataset yet. {creating or 'Add a folder of photos on the Start page.'}", icon=":material/folder_open:")
    pending_datasets(always=True, ready=lambda: bool(list_datasets()))
    st.page_link("../../pages/start.py", label="Go to Start", icon=":material/flag:")


def _under_way() -> set[str]:
    return {item.name for item in add_job.list_pending() if item.state == "adding"}


def _progress(item: PendingDataset) -> None:
    share = item.done / item.total if item.total else 0.0
    count = f"{item.done:,} of {item.total:,} images" if item.total else "starting"
    st.progress(min(share, 1.0), text=f"Adding **{formatting.literal(item.name)}**: {count}")


def _failure(item: PendingDataset) -> None:
    text, again, action = st.columns([6, 1, 1], vertical_alignment="center")
    text.error(
        f"**{formatting.literal(item.name)}** was not added. {formatting.literal(f'{item.message} {item.hint}')}",
        icon=":material/error:",
    )
    if again.button("Try again", key=f"again-{item.name}"):
        await_dataset(item.name)
        try_and_rerun(add_job.start, item.source, item.name)
    if action.button("Dismiss", key=f"dismiss-{item.name}"):
        add_job.dismiss(item.name)
        st.rerun()
