"""Every page of a home that version 0.1.0 wrote: what was added, trained, decided and uploaded is there."""

import json

import pytest
from old_home import unpack_old_home
from tab import PAGES


@pytest.fixture
def old_home(tmp_path, monkeypatch):
    home = unpack_old_home(tmp_path / "old")
    monkeypatch.setenv("SCENESCOPE_HOME", str(home))
    return home


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_the_dataset_and_the_run(tab, old_home, page):
    tab.open(page)
    assert tab.widget("dataset").value == "scenes"
    assert tab.widget("run").value == "balanced-1"
    assert not tab.errors


def test_evaluate_shows_the_scores_that_were_written(tab, old_home):
    tab.open("evaluate", split="test")
    written = json.loads((old_home / "runs" / "balanced-1" / "results.json").read_text())["test"]["accuracy"]
    assert f"Accuracy **{written['value']:.1%}" in tab.text


def test_runs_lists_it_by_its_name_and_explore_counts_the_images(tab, old_home):
    assert "First try" in json.dumps([table.value.astype(str).to_dict() for table in tab.open("runs").at.dataframe])
    assert "48 images" in type(tab)().open("explore").text
