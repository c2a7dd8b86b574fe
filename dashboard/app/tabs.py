"""A page's questions as tabs, of which the open one alone is computed."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard.app import url_state, widgets

_JS = """
// The row of tabs is scrolled, never the page. Where the person has scrolled it since, it stays until another tab is chosen.
const shown = new WeakMap()

export default function ({ data, parentElement }) {
  if (shown.get(parentElement) === data.title) return
  const show = tries => {
    const tabs = document.querySelectorAll(`.st-key-${data.row} [role=tab]`)
    const tab = [...tabs].find(one => one.textContent.trim() === data.title)
    const row = tab?.closest("[role=tablist]")
    if (!row) return tries && setTimeout(() => show(tries - 1), 100)
    const [outer, inner] = [row.getBoundingClientRect(), tab.getBoundingClientRect()]
    if (inner.left >= outer.left && inner.right <= outer.right) return
    row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2
  }
  show(20)
  shown.set(parentElement, data.title)
}
"""


def choose_tab(questions: Mapping[str, tuple[str, Callable[..., Any]]], key: str) -> Callable[..., Any]:
    """The panel of the question that the URL holds as `key`, a page's own. `questions`: name -> (title, panel).

    The tabs have no `default`: one that follows the choice makes Streamlit reset them, which swallows every second click.
    """
    names = {title: name for name, (title, _) in questions.items()}
    recalled = url_state.recall(key)
    name = recalled if recalled in questions else next(iter(questions))
    tabs, row = f"{key}-tabs", f"{key}-row"

    def changed() -> None:
        url_state.remember(key, names[st.session_state[tabs]])

    widgets.show_value(tabs, questions[name][0])
    with st.container(gap=None, key=row):
        st.tabs(list(names), key=tabs, on_change=changed)
        _keep_in_sight(questions[name][0], row)
    return questions[url_state.remember(key, name)][1]


def _keep_in_sight(title: str, row: str) -> None:
    """Scroll the row of tabs to the one that is open: on a phone it would lie outside. It shows nothing."""
    mount = st.components.v2.component("scenescope_tab_in_sight", js=_JS)
    mount(key=f"{row}-in-sight", data={"title": title, "row": row}, height=1)
