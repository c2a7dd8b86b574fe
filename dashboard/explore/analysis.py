"""What is still being computed of a dataset: how far it is, how long it takes, what to do where it failed. The page works meanwhile."""

import streamlit as st

from dashboard import words
from engine.data import analysis
from engine.data.datasets import Dataset

_POLL = 1.0  # seconds


def analysis_state(data: Dataset) -> None:
    """A bar while properties are computed, an offer where some are missing, a sentence where that failed; else nothing."""
    busy = analysis.progress(data.name).state == "working"
    if busy or (analysis.due(data) and data.has_pictures):
        st.fragment(_state, run_every=_POLL if busy else None)(data, busy)


def _state(data: Dataset, busy: bool) -> None:
    now = analysis.progress(data.name)
    if busy and now.state != "working":
        st.rerun()
    text, action = st.columns([6, 1], vertical_alignment="center")
    if busy:
        left = f", {words.duration(now.eta)} left" if now.eta is not None else ""
        count = f": {now.done:,} of {now.total:,}{left}" if now.total else ""
        text.progress(min(now.done / now.total, 1.0) if now.total else 0.0, text=f"Looking at the images: {now.phase}{count}")
        action.button(
            "Stop", icon=":material/stop:", key="stop-analysis", help="What is done is kept.", on_click=_stop, args=(data,)
        )
        return
    n = data.catalog.unmeasured()
    if now.state == "failed":
        text.error(f"The images could not be measured. {words.literal(f'{now.message} {now.hint}')}", icon=":material/error:")
    else:
        text.caption(
            f"Of {n:,} images brightness, contrast, sharpness and colourfulness are not known yet: no range or order finds them."
        )
    if action.button("Compute", icon=":material/play_arrow:", key="start-analysis"):
        analysis.start(data.name)
        st.rerun()


def _stop(data: Dataset) -> None:
    analysis.stop(data.name)
