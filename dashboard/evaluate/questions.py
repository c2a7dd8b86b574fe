"""The questions of the page, a tab each. Only the panel of the open tab is computed."""

from collections.abc import Callable

import streamlit as st

from dashboard import url
from dashboard.evaluate.breaks import what_breaks_it
from dashboard.evaluate.errors import what_does_it_confuse
from dashboard.evaluate.learnt import when_did_it_learn
from dashboard.evaluate.pairs import why_these_two
from dashboard.evaluate.scored import Scored
from dashboard.evaluate.slices import where_is_it_weak
from dashboard.evaluate.trust import can_i_believe_it

Panel = Callable[[Scored], None]

# In this order, as far as they exist: errors, pairs, trust, slices, learnt, breaks.
QUESTIONS: dict[str, tuple[str, Panel]] = {
    "errors": ("What does it confuse?", what_does_it_confuse),
    "pairs": ("Why these two?", why_these_two),
    "trust": ("Can I believe it?", can_i_believe_it),
    "slices": ("Where is it weak?", where_is_it_weak),
    "learnt": ("When did it learn?", when_did_it_learn),
    "breaks": ("What breaks it?", what_breaks_it),
}


def choose_question() -> Panel:
    """The panel of the question that is asked, kept in the URL."""
    names = {title: key for key, (title, _) in QUESTIONS.items()}
    asked = url.recall("question")
    asked = asked if asked in QUESTIONS else next(iter(QUESTIONS))
    tabs = st.tabs(list(names), default=QUESTIONS[asked][0], key=f"evaluate-tabs-{url.adopted()}", on_change="rerun")
    opened = next((title for title, tab in zip(names, tabs, strict=True) if tab.open), QUESTIONS[asked][0])
    return QUESTIONS[url.remember("question", names[opened])][1]
