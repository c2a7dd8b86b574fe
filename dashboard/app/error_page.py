"""What a person sees where a page fails: a sentence, never a traceback."""

import logging
from collections.abc import Callable
from typing import NoReturn

import streamlit as st

from dashboard.app.formatting import literal
from engine.core.disk import disk_error
from engine.core.errors import UserError

_LOG = logging.getLogger("scenescope")


class EndOfPage(Exception):
    """A page has nothing more to show, and has said why."""


def end_page() -> NoReturn:
    """End the page here. After `st.stop()` nothing could be drawn any more, and the address would stay behind."""
    raise EndOfPage


def show_error(error: Exception) -> bool:
    """Streamlit's handler for errors that a page did not catch; True: it has been shown."""
    problem = error if isinstance(error, UserError) else disk_error(error)
    if problem is not None:
        error = problem
        st.error(f"{literal(error.message)} {literal(error.hint)}", icon=":material/error:")
    else:
        _LOG.error("A page failed.", exc_info=error)
        st.error(
            f"This page failed: {literal(type(error).__name__)}. Your data and runs are untouched; the server's log has the details.",
            icon=":material/bug_report:",
        )
    return True


def try_action(action: Callable[..., object], *arguments: object) -> bool:
    """Do something; where it cannot be done, say why. Whether it was done."""
    try:
        action(*arguments)
    except UserError as error:
        st.toast(literal(str(error)), icon=":material/error:")
        return False
    return True


def try_and_rerun(action: Callable[..., object], *arguments: object) -> None:
    """Do something, to a run most often, and draw the page again; where it cannot be done, say why."""
    if try_action(action, *arguments):
        st.rerun()
