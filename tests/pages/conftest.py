"""Homes in every state that a page can meet, and a tab to look at them with."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from tab import Tab

from dashboard.app.error_page import show_error
from engine.data import datasets
from engine.runs.config import configure
from engine.runs.run import Run, list_runs, load_run
from engine.training import launcher


@pytest.fixture(autouse=True)
def _as_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors that a page does not catch go where `streamlit_app.py` sends them."""
    original = ScriptRunner.__init__

    def begin(self: ScriptRunner, *args: object, **settings: object) -> None:
        original(self, *args, **{"on_script_error": show_error, **settings})

    monkeypatch.setattr(ScriptRunner, "__init__", begin)


@pytest.fixture
def tab() -> Tab:
    return Tab()


@pytest.fixture
def trained(finished) -> Run:
    """The session's finished run on four kinds of scene. Shared: read it, change nothing."""
    return load_run(finished.run_id)


@pytest.fixture
def copied(finished_session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The finished run in a home of this test's own, to be damaged; its model is not in memory."""
    shutil.copytree(finished_session.home, tmp_path / "home")
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "home"))
    return load_run(finished_session.run_id)


@pytest.fixture
def untrained(home: Path, kaggle: Path) -> Path:
    """A home with the dataset `scenes` and no run; the folder of its images."""
    datasets.add_dataset(str(kaggle))
    return kaggle


@pytest.fixture
def start_run(untrained: Path, wait: Callable[..., object]) -> Iterator[Callable[..., Run]]:
    """start_run(**changes): a run in the background that would take for ever; every run of the home is ended with the test."""

    def start(**changes: object) -> Run:
        return launcher.start(configure("scenes", "balanced", **{"image_size": 32, "epochs": 1000, "patience": 0} | changes))

    yield start
    for one in list_runs():
        if one.status.active:
            launcher.stop(one)
    wait(lambda: not any(one.status.active for one in list_runs()))
