"""The questions of the page, a panel each, beside the pictures from which they are answered."""

from collections.abc import Callable

import streamlit as st

from dashboard import url
from dashboard.explore.alike import what_is_alike
from dashboard.explore.asked import Asked
from dashboard.explore.differ import do_splits_differ
from dashboard.explore.look import how_does_it_look
from dashboard.explore.there import what_is_there

Panel = Callable[[Asked], None]

QUESTIONS: dict[str, tuple[str, Panel]] = {
    "there": ("What is there?", what_is_there),
    "look": ("How does it look?", how_does_it_look),
    "differ": ("Do train and test differ?", do_splits_differ),
    "alike": ("What is alike?", what_is_alike),
}


def choose_question() -> Panel:
    """The panel of the question that is asked, kept in the URL. The tabs stand over panel and pictures alike."""
    names = {title: key for key, (title, _) in QUESTIONS.items()}
    asked = url.recall("question")
    asked = asked if asked in QUESTIONS else next(iter(QUESTIONS))
    tabs = st.tabs(list(names), default=QUESTIONS[asked][0], key=f"question-tabs-{url.adopted()}", on_change="rerun")
    opened = next((title for title, tab in zip(names, tabs, strict=True) if tab.open), QUESTIONS[asked][0])
    return QUESTIONS[url.remember("question", names[opened])][1]
