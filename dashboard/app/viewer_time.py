"""Moments in the time zone of the person's browser, which Streamlit reports."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from engine.core.number_text import duration


def time_ago(moment: float) -> str:
    """How long ago a moment was; after a day, its date."""
    elapsed = time.time() - moment
    if elapsed < 60:
        return "just now"
    return f"{duration(elapsed)} ago" if elapsed < 86_400 else _local(moment).strftime("%d %b %Y").removeprefix("0")


def date_and_time(moment: float) -> str:
    """A moment with the name of its zone: `29 Nov 2026, 09:31:17 CET`."""
    local = _local(moment)
    return f"{local.strftime('%d %b %Y, %H:%M:%S').removeprefix('0')} {zone_name(viewer_zone(), local)}"


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, ZoneInfo(viewer_zone()))


def viewer_zone() -> str:
    """The time zone of the person's browser, such as Europe/Berlin; UTC where it is not known."""
    zone = st.context.timezone
    try:
        # The browser's word is not trusted: an unknown key, a path or an empty name raises one of these three.
        ZoneInfo(zone or "")
    except (ValueError, KeyError, OSError):
        return "UTC"
    return str(zone)


def zone_name(zone: str, moment: datetime | None = None) -> str:
    """`CET`, or the offset where the zone has no abbreviation, at a moment (now, where none is passed)."""
    name = (moment or datetime.now(ZoneInfo(zone))).tzname() or zone
    return name if name[0].isalpha() else f"UTC{name}"
