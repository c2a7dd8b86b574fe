"""A training is watched without a touch: charts stay where they are between polls, and a killed run says so by itself."""

import re

import pytest
from playwright.sync_api import expect

from engine import launcher, runs
from engine.config import configure
from engine.lease import holder

pytestmark = pytest.mark.browser

TINY = {
    "model": "resnet18",
    "weights": "none",
    "image_size": 32,
    "epochs": 500,
    "patience": 0,
    "batch_size": 16,
    "trainable": 0.1,
}


@pytest.fixture
def run(server, trained, monkeypatch):
    """A training on the demo dataset that would take for ever; ended with the test."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    run = launcher.start(configure("demo", "balanced", **TINY))
    yield run
    if process := holder(run.path / "lease"):
        process.kill()
        process.wait(10)
    runs_left = [one for one in runs.runs() if one.id == run.id]
    assert runs_left == [run]


def test_charts_stay_between_polls_and_a_killed_run_says_so_by_itself(tab, open_tab, run):
    tab.open("train", f"?run={run.id}")
    loss = tab.page.locator(f".st-key-loss-{run.id} .js-plotly-plot")
    expect(tab.page.locator(f".st-key-step-loss-{run.id} .js-plotly-plot")).to_be_visible(timeout=90_000)
    loss.evaluate("plot => { plot.dataset.seen = 'yes' }")
    place = loss.evaluate("plot => plot.getBoundingClientRect().top + plot.closest('[data-testid=stMain]').scrollTop")
    step = tab.page.get_by_text(re.compile(r"^Step \d")).first
    before = step.inner_text()
    expect(step).not_to_have_text(before)
    assert loss.evaluate("plot => plot.dataset.seen") == "yes", "the chart was drawn on, not made anew"
    assert loss.evaluate("plot => plot.getBoundingClientRect().top + plot.closest('[data-testid=stMain]').scrollTop") == place

    other = open_tab(390, 844).open("train", f"?run={run.id}")
    other.see(re.compile("training"))
    assert other.width() <= 390
    holder(run.path / "lease").kill()
    for one in (tab, other):
        one.see("The process was killed, probably out of memory")
        expect(one.page.get_by_role("button", name="Resume")).to_be_visible()
        expect(one.page.get_by_role("button", name="Pause")).to_have_count(0)
