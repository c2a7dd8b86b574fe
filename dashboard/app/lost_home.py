"""A home whose disk disappeared while the server runs: its mount point is empty and looks like a home that was never used."""

import os

import streamlit as st

from dashboard.app.error_page import end_page
from dashboard.app.formatting import literal
from dashboard.app.polling import poll
from engine.core.paths import data_dir, home, runs_dir

_POLL = 2.0  # seconds
_used_homes: set[str] = set()  # homes in which this server has seen data or runs


def is_lost() -> bool:
    """Whether the home held datasets or runs before, and neither folder exists now."""
    # Not Path.is_dir, which raises the I/O error of a disk that was pulled out.
    if os.path.isdir(data_dir()) or os.path.isdir(runs_dir()):  # noqa: PTH112
        _used_homes.add(str(home()))
        return False
    return str(home()) in _used_homes


def stop_where_lost() -> None:
    """End the page with an error where the home is lost, before anything is written to the mount point; it returns with the disk."""
    if not is_lost():
        return
    st.error(
        f"The datasets and runs in {literal(repr(str(home())))} are not there any more: the disk that holds them is gone. "
        "Connect it again, and this page continues by itself. To start with an empty home, restart the server.",
        icon=":material/error:",
    )
    poll(lambda: None, lambda: not is_lost(), _POLL)
    end_page()
