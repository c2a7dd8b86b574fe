"""A home whose disk went away while the server runs: its mount point is empty, and looks like a home that was never used."""

import os

import streamlit as st

from dashboard.app.error_page import end_page
from dashboard.app.formatting import literal
from engine.core.paths import data_dir, home, runs_dir

_POLL = 2.0  # seconds
_seen: set[str] = set()  # the homes that this server has seen with something in them


def is_lost() -> bool:
    """Whether the home held datasets or runs before, and now neither of their folders is there."""
    # Not Path.is_dir: it raises what a disk that was pulled out answers.
    if os.path.isdir(data_dir()) or os.path.isdir(runs_dir()):  # noqa: PTH112
        _seen.add(str(home()))
        return False
    return str(home()) in _seen


def stop_where_lost() -> None:
    """Say so in place of the page, before anything is written where the disk was; the page is drawn when the disk is back."""
    if not is_lost():
        return
    st.error(
        f"The datasets and runs in {literal(repr(str(home())))} are not there any more: the disk that holds them is gone. "
        "Connect it again: this page continues by itself. To begin anew there, start the server again.",
        icon=":material/error:",
    )

    @st.fragment(run_every=_POLL)
    def wait_for_disk() -> None:
        if not is_lost():
            st.rerun()

    wait_for_disk()
    end_page()
