"""A page's questions as tabs, of which the open one alone is computed."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard import url, widgets


def choose_question(questions: Mapping[str, tuple[str, Callable[..., Any]]], key: str) -> Callable[..., Any]:
    """The panel of the question that the URL holds as `key`, a page's own. `questions`: name -> (title, panel).

    The tabs have no `default`: one that follows the choice makes Streamlit reset them, which swallows every second click.
    """
    names = {title: name for name, (title, _) in questions.items()}
    recalled = url.recall(key)
    name = recalled if recalled in questions else next(iter(questions))
    tabs = f"{key}-tabs"

    def changed() -> None:
        url.remember(key, names[st.session_state[tabs]])

    widgets.show(tabs, questions[name][0])
    st.tabs(list(names), key=tabs, on_change=changed)
    return questions[url.remember(key, name)][1]
