"""Times: files and the command line use UTC and name it; nothing shows the server's time zone."""

import ast
import time

import pytest

from engine.core.paths import PROJECT
from engine.core.text_output import utc, utc_date

SOURCES = [file for folder in ("engine", "dashboard", "pages") for file in sorted((PROJECT / folder).rglob("*.py"))]
# With this many arguments a call says which moment, or which zone, it is about; with fewer it takes the server's.
ENOUGH = {"strftime": 2, "fromtimestamp": 2, "now": 1, "localtime": 99, "ctime": 99, "today": 99}


@pytest.fixture
def far_west(monkeypatch):
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_time_in_a_file_is_utc_wherever_the_server_stands(far_west):
    assert utc(1_795_944_677) == "2026-11-29 09:31:17 UTC"
    assert utc_date(1_795_944_677) == "29 November 2026"
    assert utc_date(1_793_536_000) == "1 November 2026"


def calls_in_the_zone_of_the_server(source: str) -> list[str]:
    """Calls of the modules `time` and `datetime` that take the zone of the machine."""
    result = []
    for node in ast.walk(ast.parse(source)):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or not isinstance(node.func.value, ast.Name)
        ):
            continue
        called, name = node.func.value.id, node.func.attr
        if called in ("time", "datetime") and len(node.args) + len(node.keywords) < ENOUGH.get(name, 0):
            result.append(f"{called}.{name}")
    return result


def test_what_counts_as_the_zone_of_the_server():
    source = 'time.strftime("%H", time.localtime(1)); datetime.now(); datetime.fromtimestamp(1); datetime.now(UTC); time.time()'
    assert sorted(calls_in_the_zone_of_the_server(source)) == ["datetime.fromtimestamp", "datetime.now", "time.localtime"]
    assert calls_in_the_zone_of_the_server('time.strftime("%H")') == ["time.strftime"]


def test_no_source_takes_the_zone_of_the_server():
    result = {
        str(file.relative_to(PROJECT)): calls_in_the_zone_of_the_server(file.read_text(encoding="utf-8")) for file in SOURCES
    }
    assert {file: calls for file, calls in result.items() if calls} == {}
