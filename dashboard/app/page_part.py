"""A part of a page that is redrawn alone, as long as it changes only parameters of its own."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import streamlit as st

from dashboard.app import browser_history, url_state
from dashboard.app.url_state import Parameter


def page_part(*own: Parameter[Any], interval: float | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a function that draws a fragment.

    `own`: the parameters of the address on which nothing outside the fragment depends; `interval`: seconds between redraws.
    A callback inside a fragment redraws only the fragment. Where it changed another parameter (a filter, a dataset), the rest of the
    page and the fragment's own arguments would be out of date, so the whole page is drawn. A parameter that is missing in `own` costs
    time and nothing else.
    """

    def decorate(draw: Callable[..., None]) -> Callable[..., None]:
        name = re.sub(r"\W+", "-", f"{draw.__module__}-{draw.__qualname__}")
        names = {parameter.name for parameter in own}
        drawn, with_page = f"page-part-{name}", f"page-part-{name}-with-page"

        def shared() -> dict[str, str]:
            return {key: value for key, value in url_state.choices().items() if key not in names}

        @st.fragment(run_every=interval)
        @wraps(draw)
        def part(*arguments: Any) -> None:
            if st.session_state.get(drawn) != shared():
                st.rerun()
            draw(*arguments)
            browser_history.write_address(name, whole=st.session_state.pop(with_page, False))

        @wraps(draw)
        def whole(*arguments: Any) -> None:
            st.session_state[drawn] = shared()
            st.session_state[with_page] = True
            part(*arguments)

        return whole

    return decorate
