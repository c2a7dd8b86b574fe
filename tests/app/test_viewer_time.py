"""Times and tables as people are shown them."""

import time
import tomllib

import pytest

from dashboard.app import viewer_time
from engine.core.paths import PROJECT

MOMENT = 1_795_944_677.0  # 2026-11-29 09:31:17 UTC


@pytest.fixture
def zone(monkeypatch):
    """zone(name): the browser stands in this time zone."""
    return lambda name: monkeypatch.setattr(viewer_time, "viewer_zone", lambda: name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("America/Los_Angeles", "29 Nov 2026, 01:31:17 PST"),
        ("Asia/Tokyo", "29 Nov 2026, 18:31:17 JST"),
        ("Pacific/Kiritimati", "29 Nov 2026, 23:31:17 UTC+14"),
        ("UTC", "29 Nov 2026, 09:31:17 UTC"),
    ],
)
def test_a_time_is_in_the_zone_of_the_browser_and_names_it(zone, name, text):
    zone(name)
    assert viewer_time.date_and_time(MOMENT) == text


def test_the_name_of_the_zone_is_of_the_moment_and_not_of_now(zone):
    zone("America/Los_Angeles")
    assert [viewer_time.date_and_time(at).rpartition(" ")[2] for at in (MOMENT, MOMENT - 150 * 86_400)] == ["PST", "PDT"]


@pytest.mark.parametrize(("name", "text"), [("America/Los_Angeles", "28 Nov 2026"), ("Asia/Tokyo", "29 Nov 2026")])
def test_a_date_is_that_of_the_browser(zone, monkeypatch, name, text):
    zone(name)
    early = MOMENT - 3 * 3600  # 06:31 UTC: still the day before in Los Angeles
    monkeypatch.setattr(time, "time", lambda: MOMENT + 3 * 86_400)
    assert viewer_time.time_ago(early) == text


def test_what_is_recent_needs_no_zone(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: MOMENT)
    assert [viewer_time.time_ago(MOMENT - seconds) for seconds in (5, 600, 7200)] == ["just now", "10 min ago", "2 h 0 min ago"]


def test_tables_offer_no_download_of_their_own_which_would_hold_formulas():
    settings = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["client"]["disableDataExport"] is True
