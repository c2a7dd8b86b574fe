"""Tabs of a page, of which only the open one is computed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.app import widgets
from dashboard.app.component_files import join_modules
from dashboard.app.url_state import Parameter

_JS = join_modules(Path(__file__).with_suffix(".js"))


def choose_tab(questions: Mapping[str, tuple[str, Callable[..., Any]]], parameter: Parameter[str]) -> Callable[..., Any]:
    """Draw a row of tabs and return the panel of the open one, stored in the URL. `questions`: name -> (title, panel).

    Streamlit (1.64) resets tabs whenever their default changes, which swallows every second click: a new default needs a new key.
    """
    names = {title: name for name, (title, _) in questions.items()}
    key, name = parameter.name, parameter.read()
    row, binding = f"{key}-row", widgets.bind_value(f"{key}-tabs", questions[name][0])

    def store_choice(title: str) -> None:
        parameter.write(names[title])

    with st.container(gap=None, key=row):
        st.tabs(list(names), default=binding.initial, key=binding.key, on_change=binding.on_change(store_choice))
        _keep_in_sight(questions[name][0], row)
    parameter.write(name)
    return questions[name][1]


def _keep_in_sight(title: str, row: str) -> None:
    """Scroll the row to the open tab, which on a phone may lie outside the screen. The component shows nothing."""
    mount = component("scenescope_tab_in_sight", js=_JS)
    mount(key=f"{row}-in-sight", data={"title": title, "row": row}, height=1)
