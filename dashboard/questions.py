"""A page's questions as tabs, of which the open one alone is computed."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard import url


def choose_question(questions: Mapping[str, tuple[str, Callable[..., Any]]], key: str) -> Callable[..., Any]:
    """The panel of the question that is asked, kept in the URL as `key`, a page's own. `questions`: name -> (title, panel)."""
    names = {title: name for name, (title, _) in questions.items()}
    asked = url.recall(key)
    asked = asked if asked in questions else next(iter(questions))
    tabs = st.tabs(list(names), default=questions[asked][0], key=f"{key}-tabs-{url.adopted()}", on_change="rerun")
    opened = next((title for title, tab in zip(names, tabs, strict=True) if tab.open), questions[asked][0])
    return questions[url.remember(key, names[opened])][1]
