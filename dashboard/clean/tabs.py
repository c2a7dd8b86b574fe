"""The questions of the page, a panel each."""

from collections.abc import Callable

import streamlit as st

from dashboard.app import url_state
from dashboard.clean.bulk_review import many_at_once
from dashboard.clean.context import Subject
from dashboard.clean.decisions import what_was_decided
from dashboard.clean.retraining_effect import did_it_help
from dashboard.clean.single_review import one_by_one

Panel = Callable[[Subject], None]

QUESTIONS: dict[str, tuple[str, Panel]] = {
    "one": ("One by one", one_by_one),
    "many": ("Many at once", many_at_once),
    "helped": ("Effect of retraining", did_it_help),
    "decided": ("Decisions", what_was_decided),
}


def choose_question(any_findings: bool) -> tuple[str, Panel]:
    """The key and the panel of the question that is asked, kept in the URL as `clean`; without findings there is nothing to go through."""
    key = url_state.choose(
        st.segmented_control, "Question", list(QUESTIONS) if any_findings else ["decided", "helped"], "clean", label_visibility="collapsed",
        format_func=lambda one: QUESTIONS[one][0],
    )  # fmt: skip
    return key, QUESTIONS[key][1]
