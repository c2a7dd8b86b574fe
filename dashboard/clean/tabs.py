"""The tabs of the page, one panel each."""

from collections.abc import Callable

import streamlit as st

from dashboard.app import url_state
from dashboard.clean.bulk_review import bulk_review
from dashboard.clean.decisions import decision_log
from dashboard.clean.retraining_effect import retraining_effect
from dashboard.clean.review import Review
from dashboard.clean.single_review import single_review

Panel = Callable[[Review], None]

QUESTIONS: dict[str, tuple[str, Panel]] = {
    "one": ("One by one", single_review),
    "many": ("Many at once", bulk_review),
    "helped": ("Effect of retraining", retraining_effect),
    "decided": ("Decisions", decision_log),
}


def choose_question(any_findings: bool) -> tuple[str, Panel]:
    """Draw the tabs; the key and the panel of the chosen one, kept in the URL as `clean`. Without findings there is nothing to review."""
    key = url_state.choose(
        st.segmented_control, "Question", list(QUESTIONS) if any_findings else ["decided", "helped"], "clean", label_visibility="collapsed",
        format_func=lambda option: QUESTIONS[option][0],
    )  # fmt: skip
    return key, QUESTIONS[key][1]
