"""What a person sees when a page fails: a sentence, never a traceback."""

import logging
from collections.abc import Callable
from typing import NoReturn

import streamlit as st

from dashboard.app.formatting import literal
from engine.core.disk import disk_error
from engine.core.errors import UserError

_LOG = logging.getLogger("scenescope")


class EndOfPage(Exception):
    """Raised by a page that has nothing more to show and has already said why."""


def end_page() -> NoReturn:
    """End the page here. Unlike `st.stop()`, it lets `main` still draw the foot of the page, which writes the address."""
    raise EndOfPage


def show_error(error: Exception) -> bool:
    """Draw an error that a page did not catch; True tells Streamlit that it has been shown.

    A bug keeps its traceback in the log, and only there: it may hold paths and names that are no business of the browser's.
    """
    problem = error if isinstance(error, UserError) else disk_error(error)
    if problem is not None:
        st.error(f"{literal(problem.message)} {literal(problem.hint)}", icon=":material/error:")
    else:
        _LOG.error("A page failed.", exc_info=error)
        st.error(
            f"This page failed: {literal(type(error).__name__)}. Your data and runs are untouched; the server's log has the details.",
            icon=":material/bug_report:",
        )
    return True


def try_action(action: Callable[..., object], *arguments: object) -> bool:
    """Whether an action succeeded; a `UserError` that it raises is shown as a toast."""
    try:
        action(*arguments)
    except UserError as error:
        st.toast(literal(str(error)), icon=":material/error:")
        return False
    return True


def try_and_rerun(action: Callable[..., object], *arguments: object) -> None:
    """Do something, to a run most often, and draw the page again; a `UserError` is shown as a toast instead."""
    if try_action(action, *arguments):
        st.rerun()
