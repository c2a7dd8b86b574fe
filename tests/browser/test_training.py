"""A training is watched without a touch: charts stay where they are between polls, and a killed run says so by itself."""

import re

import pytest
from playwright.sync_api import expect

from engine.core.lease import holder
from engine.runs.config import configure
from engine.runs.run import list_runs, load_run
from engine.training import launcher

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


# Counts the charts that leave the page.
WATCH = """() => {
  window.takenAway = 0
  const isChart = node => node.nodeType === 1 && (node.matches(".js-plotly-plot") || node.querySelector(".js-plotly-plot"))
  new MutationObserver(changes => {
    for (const change of changes) window.takenAway += [...change.removedNodes].filter(isChart).length
  }).observe(document.body, { childList: true, subtree: true })
}"""


@pytest.fixture
def run(server, trained, monkeypatch):
    """A training on the demo dataset that would take for ever; ended with the test."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    run = launcher.start(configure("demo", "balanced", **TINY))
    yield run
    if process := holder(run.path / "lease"):
        process.kill()
        process.wait(10)
    runs_left = [one for one in list_runs() if one.id == run.id]
    assert runs_left == [run]


def test_charts_stay_between_polls_and_a_killed_run_says_so_by_itself(tab, open_tab, run):
    tab.open("train", f"?run={run.id}")
    loss = tab.page.locator(f".st-key-loss-{run.id} .js-plotly-plot")
    expect(tab.page.locator(f".st-key-step-loss-{run.id} .js-plotly-plot")).to_be_visible(timeout=90_000)
    plots = [
        tab.page.locator(f".st-key-{name}-{run.id} .js-plotly-plot") for name in ("loss", "macro_f1", "step-loss", "step-rate")
    ]
    for plot in plots:
        plot.evaluate("plot => { plot.dataset.seen = 'yes'; plot.querySelector('svg').dataset.seen = 'yes' }")
    tab.state(WATCH)
    place = loss.evaluate("plot => plot.getBoundingClientRect().top + plot.closest('[data-testid=stMain]').scrollTop")
    step = tab.page.get_by_text(re.compile(r"^Step \d")).first
    before = step.inner_text()
    expect(step).not_to_have_text(before)
    last = "plot => Math.max(...plot.data.at(-1).x)"
    drawn = plots[2].evaluate(last)
    tab.page.wait_for_function(
        "([plot, drawn]) => Math.max(...plot.data.at(-1).x) > drawn", arg=[plots[2].element_handle(), drawn]
    )
    for plot in plots:
        seen = plot.evaluate("plot => [plot.dataset.seen, plot.querySelector('svg').dataset.seen]")
        assert seen == ["yes", "yes"], "the chart was drawn on, not made anew"
    assert tab.state("window.takenAway") == 0, "no chart was away for a moment"
    assert loss.evaluate("plot => plot.getBoundingClientRect().top + plot.closest('[data-testid=stMain]').scrollTop") == place

    other = open_tab(390, 844).open("train", f"?run={run.id}")
    other.see(re.compile("training"))
    assert other.width() <= 390
    holder(run.path / "lease").kill()
    for one in (tab, other):
        one.see("The process was killed, probably out of memory")
        expect(one.page.get_by_role("button", name="Resume")).to_be_visible()
        expect(one.page.get_by_role("button", name="Pause")).to_have_count(0)


def test_a_request_to_pause_is_seen_at_once_and_after_a_reload_and_asked_once(tab, server, run):
    tab.open("train", f"?run={run.id}")
    expect(tab.page.locator(f".st-key-step-loss-{run.id} .js-plotly-plot")).to_be_visible(timeout=90_000)
    process = holder(run.path / "lease")
    process.suspend()  # a batch that takes long
    try:
        tab.page.get_by_role("button", name="Pause").dblclick()
        tab.see("pausing after this batch")
        tab.see(f"{run.id} is saving and pausing.")
        for name in ("Pause", "Stop"):
            expect(tab.page.get_by_role("button", name=name)).to_be_disabled()
        assert (run.path / "stop").read_text() == "pause"
        tab.reload().on("train").see("pausing after this batch")
        expect(tab.page.get_by_role("button", name="Stop")).to_be_disabled()
    finally:
        process.resume()
    expect(tab.page.get_by_role("button", name="Resume")).to_be_visible()
    tab.see(re.compile(r"(after|during) epoch \d+ of 500"))


def scrolled(tab) -> float:
    return tab.page.get_by_test_id("stMain").evaluate("main => main.scrollTop")


def test_train_and_duplicate_show_the_top_of_what_they_bring(tab, server, trained, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    tab.open("train", f"?run={trained.name}&show=run")
    tab.page.get_by_role("button", name="Duplicate").scroll_into_view_if_needed()
    tab.page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    assert scrolled(tab) > 0, "the window is low enough"
    tab.page.get_by_role("button", name="Duplicate").click()
    tab.see(f"The options of {trained.name}")
    tab.settled().page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    tab.page.get_by_text("More options").click()
    train = tab.page.get_by_role("button", name=re.compile("Train$"))
    train.scroll_into_view_if_needed()
    assert scrolled(tab) > 0, "the form is long enough"
    before = len(server.runs())
    train.click()
    tab.see("How is it learning?")
    tab.page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    new = server.runs()[before]
    launcher.stop(load_run(new.name))


def test_options_stay_through_reload_another_page_and_a_new_tab(tab, open_tab, trained):
    tab.open("train", "?show=new&preset=balanced")
    epochs = tab.page.get_by_label("epochs", exact=True)
    epochs.fill("7")
    epochs.press("Enter")
    tab.addressed(**{"set-balanced": "epochs-7"})
    tab.page.get_by_text("More options").click()
    seed = tab.page.get_by_label("seed", exact=True)
    seed.fill("5")
    seed.press("Enter")
    tab.addressed(**{"set-balanced": "epochs-7~seed-5"})
    tab.page.get_by_text("More options (1 changed)").click()  # closed: its widgets leave the page

    def holds(one) -> None:
        expect(one.page.get_by_label("epochs (balanced: 8)", exact=True)).to_have_value("7")
        one.page.get_by_text("More options (1 changed)").click()
        expect(one.page.get_by_label("seed (balanced: 0)", exact=True)).to_have_value("5")
        one.addressed(**{"set-balanced": "epochs-7~seed-5"})

    address = tab.page.url
    tab.reload().on("train")
    holds(tab)
    tab.go("augment").go("train")
    holds(tab)
    tab.page.get_by_role("radio", name="best").click()
    expect(tab.page.get_by_label("epochs", exact=True)).to_have_value("6")
    tab.page.get_by_role("radio", name="balanced").click()
    expect(tab.page.get_by_label("epochs (balanced: 8)", exact=True)).to_have_value("7")
    other = open_tab()
    other.page.goto(address)
    holds(other.on("train"))
    other.page.get_by_role("button", name="Reset to preset").click()
    expect(other.page.get_by_label("epochs", exact=True)).to_have_value("8")
    expect(other.page.get_by_label("seed", exact=True)).to_have_value("0")
    other.page.wait_for_url(lambda url: "set-balanced" not in url)
