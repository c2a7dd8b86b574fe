"""Cleaning by keyboard: each key is a decision on the disk, and a tab that closes loses none."""

import re
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from engine.audit import kept
from engine.audit.findings import finding
from engine.data import datasets, removal
from engine.labels import edits

pytestmark = pytest.mark.browser


@pytest.fixture
def doubted(server, kaggle, monkeypatch):
    """A dataset of the server's with an audit that doubts four labels of sea."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    datasets.add(str(kaggle), "doubted")
    data = datasets.dataset("doubted")
    table = data.catalog.frame("train").assign(split="train")
    sea = table[table["class"] == "sea"]
    found = [finding("label_issue", 0.9 - i / 10, sea.iloc[[i]], f"Doubted number {i}.", "glacier") for i in range(4)]
    ids = np.sort(sea["id"].to_numpy()[:4])
    document = {"dataset": data.name, "made": 1.0, "seconds": 1.0, "fingerprint": data.catalog.fingerprint(), "images": 83,
                "classes": list(data.classes), "model": "efficientnet_lite0"}  # fmt: skip
    kept.keep(data, found, document, ids, np.tile([0.1, 0.7, 0.1, 0.1], (4, 1)))
    yield data
    removal.remove("doubted")


def actions(data):
    return [entry.action for entry in edits.log(data).entries]


def press(tab, data, key):
    """Press a key until it is in the log: Streamlit binds its shortcuts some time after it has painted."""
    before = len(actions(data))
    for _ in range(3):
        tab.settled().page.evaluate("new Promise(done => requestIdleCallback(() => requestAnimationFrame(done)))")
        tab.page.keyboard.press(key)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if len(actions(data)) > before:
                return
            tab.page.wait_for_timeout(50)


def test_keys_decide_undo_and_go_on_after_a_reload_in_the_middle(open_tab, doubted, wait):
    tab = open_tab().open("clean", "?dataset=doubted&kind=label_issue")
    tab.see("Doubted number 0.")
    picture = tab.page.locator("[data-testid=stHtml] img").first
    expect(picture).to_have_js_property("complete", True)
    first = picture.get_attribute("src")
    for key, number in (("2", 1), ("k", 2), ("x", 3)):  # glacier is the second class
        press(tab, doubted, key)
        tab.see(f"Doubted number {number}.")
    assert actions(doubted) == ["relabel", "keep", "exclude"], "on the disk before the next finding is seen"
    tab.reload().on("clean").see("Doubted number 3.")
    for number in (2, 1, 0):
        press(tab, doubted, "z")
        tab.see(f"Doubted number {number}.")
    assert tab.page.locator("[data-testid=stHtml] img").first.get_attribute("src") == first
    press(tab, doubted, "y")
    tab.see(re.compile("Done again"))
    assert actions(doubted) == ["relabel", "keep", "exclude", "undo", "undo", "undo", "redo"]


def test_a_tab_that_closes_loses_nothing_and_another_goes_on_where_it_was(open_tab, doubted):
    tab = open_tab().open("clean", "?dataset=doubted&kind=label_issue")
    tab.see("Doubted number 0.")
    press(tab, doubted, "k")
    tab.see("Doubted number 1.")
    tab.page.close()
    other = open_tab(390, 900, dark=True).open("clean", "?dataset=doubted&kind=label_issue")
    other.see("1 of 4 decided")
    other.see("Doubted number 1.")
    assert other.width() <= 390
    assert actions(doubted) == ["keep"]
