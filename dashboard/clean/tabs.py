"""The tabs of the page, one panel each."""

from collections.abc import Callable

import streamlit as st

from dashboard.app import url_state
from dashboard.app.parameters import REVIEW
from dashboard.clean.bulk_review import bulk_review
from dashboard.clean.decisions import decision_log
from dashboard.clean.retraining_effect import retraining_effect
from dashboard.clean.review import Review
from dashboard.clean.single_review import single_review

Panel = Callable[[Review], None]

TABS: dict[str, tuple[str, Panel]] = {
    "one": ("One by one", single_review),
    "many": ("Many at once", bulk_review),
    "helped": ("Effect of retraining", retraining_effect),
    "decided": ("Decisions", decision_log),
}


def choose_tab(any_findings: bool) -> Panel:
    """Draw the tabs; the panel of the open one, kept in the URL as `clean`. Without findings there is nothing to review."""
    name = url_state.choose(
        st.segmented_control, "View", REVIEW, list(TABS) if any_findings else ["decided", "helped"], label_visibility="collapsed",
        format_func=lambda option: TABS[option][0],
    )  # fmt: skip
    return TABS[name][1]
