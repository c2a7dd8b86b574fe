"""The monkey walk: whatever is clicked, typed, pressed or undone, a page shows what its address says, and reports no error.

`make test` walks a few steps on each page, the same ones each time; `make monkey` walks 300. SCENESCOPE_MONKEY_STEPS and
SCENESCOPE_MONKEY_SEED set how far and where it goes.
"""

import os
import subprocess
import sys

import pytest
from conftest import PROJECT
from driven import TITLES
from monkey import Monkey

STEPS = int(os.environ.get("SCENESCOPE_MONKEY_STEPS", "8"))
SEED = int(os.environ.get("SCENESCOPE_MONKEY_SEED", "1"))

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def audited(server, trained):
    """The demo dataset with a run and an audit: every page has something to click."""
    subprocess.run(
        [sys.executable, "-m", "engine", "audit", "--dataset", "demo"],
        cwd=PROJECT, env={**os.environ, "SCENESCOPE_HOME": str(server.home)}, check=True, timeout=300,
    )  # fmt: skip
    return server


@pytest.mark.parametrize("page", list(TITLES))
def test_a_page_shows_what_its_address_says_whatever_is_clicked(open_tab, audited, monkeypatch, page):
    monkeypatch.setenv("SCENESCOPE_HOME", str(audited.home))
    query = "?dataset=demo&show=new&preset=balanced" if page == "train" else "?dataset=demo"
    Monkey(open_tab().open(page, query), page, SEED).walk(STEPS)
