"""Cleaning by keyboard: each key is a decision on the disk, and a tab that closes loses none."""

import re
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from engine.curation import removal, store
from engine.curation.findings import make_finding
from engine.data import datasets
from engine.data.labels import edits

pytestmark = pytest.mark.browser


# Tests name these datasets before their tabs: what is set up first is taken away last, when no tab requests images from it any more.
@pytest.fixture
def many_doubted(server, kaggle, monkeypatch):
    """A dataset of the server's with an audit that doubts twelve labels of sea."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    yield audited("hurried", kaggle, 12)
    removal.remove_dataset("hurried")


@pytest.fixture
def doubted(server, kaggle, monkeypatch):
    """A dataset of the server's with an audit that doubts four labels of sea."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    yield audited("doubted", kaggle, 4)
    removal.remove_dataset("doubted")


def audited(name, folder, count):
    datasets.add_dataset(str(folder), name)
    data = datasets.load_dataset(name)
    table = data.catalog.frame("train").assign(split="train")
    sea = table[table["class"] == "sea"]
    findings = [make_finding("label_issue", 0.9 - i / 20, sea.iloc[[i]], f"Doubted number {i}.", "glacier") for i in range(count)]
    ids = np.sort(sea["id"].to_numpy()[:count])
    document = {"dataset": data.name, "made": 1.0, "seconds": 1.0, "fingerprint": data.catalog.fingerprint(), "images": 83,
                "classes": list(data.classes), "model": "efficientnet_lite0"}  # fmt: skip
    store.save_audit(data, findings, document, ids, np.tile([0.1, 0.7, 0.1, 0.1], (count, 1)))
    return data


def actions(data):
    return [entry.action for entry in edits.open_log(data).entries]


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


def test_keys_decide_undo_and_go_on_after_a_reload_in_the_middle(doubted, open_tab, wait):
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
    tab.see(re.compile("Redone"))
    assert actions(doubted) == ["relabel", "keep", "exclude", "undo", "undo", "undo", "redo"]
    tab.settled()  # the dataset is removed next: nothing may still be drawn from it


def test_a_tab_that_closes_loses_nothing_and_another_goes_on_where_it_was(doubted, open_tab):
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
    other.settled()  # the dataset is removed next: nothing may still be drawn from it


@pytest.mark.parametrize("between", [150, 20, 600])
def test_keys_in_a_hurry_decide_each_picture_once_at_most(many_doubted, open_tab, between):
    tab = open_tab().open("clean", "?dataset=hurried&kind=label_issue")
    tab.see("Doubted number 0.")
    press(tab, many_doubted, "k")
    tab.see("Doubted number 1.")
    for key in "2xk2xk2xk":
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(between)
    tab.page.wait_for_timeout(1500)
    tab.settled()
    entries = edits.open_log(many_doubted).entries
    pictures = [entry.path for entry in entries]
    assert len(set(pictures)) == len(pictures), "no picture is decided twice"
    assert 2 <= len(pictures) <= 10
    tab.see(f"Doubted number {len(pictures)}.")
    tab.see(f"{len(pictures)} of 12 decided")


# What each key was pressed at: the picture in sight when the browser heard it, before anything else did.
HEARD = """
window.heard = []
addEventListener("keydown", event => {
  const picture = document.querySelector("[data-testid=stMain] [data-testid=stHtml] img")
  heard.push([event.key, Number(picture?.getAttribute("src").match(/[/](\\d+)/)?.[1])])
}, true)
"""
MEANT = {"2": "relabel", "x": "exclude", "k": "keep"}


@pytest.mark.parametrize("between", [500, 150])
def test_each_decision_is_about_the_picture_that_was_in_sight_when_its_key_was_pressed(many_doubted, open_tab, between):
    tab = open_tab()
    tab.page.add_init_script(HEARD)
    tab.open("clean", "?dataset=hurried&kind=label_issue").see("Doubted number 0.")
    press(tab, many_doubted, "k")
    tab.see("Doubted number 1.")
    for key in "2xk2xk2xk":
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(between)
    tab.page.wait_for_timeout(1500)
    tab.settled()
    decided = [(entry.action, entry.id) for entry in edits.open_log(many_doubted).entries]
    heard = [(MEANT[key], image) for key, image in tab.state("heard")]
    assert len(decided) >= 3
    assert [pair for pair in heard if pair in decided] and set(decided) <= set(heard)
    images = [image for _, image in decided]
    assert images == sorted(set(images), key=[image for _, image in heard].index), (
        "in the order in which they were in sight, each once"
    )
    for action, image in decided:
        row = many_doubted.catalog.get(image)
        assert (row.state == "excluded", row.class_name) == (action == "exclude", "glacier" if action == "relabel" else "sea")


def test_a_key_that_comes_before_the_next_picture_is_not_counted_and_a_line_says_so(many_doubted, open_tab):
    tab = open_tab().open("clean", "?dataset=hurried&kind=label_issue")
    tab.see("Doubted number 0.")
    press(tab, many_doubted, "k")
    tab.see("Doubted number 1.")
    tab.settled()
    tab.page.keyboard.press("2")
    tab.page.keyboard.press("x")
    expect(tab.page.get_by_text("That key press was ignored")).to_be_visible()
    tab.see("Doubted number 2.")
    assert actions(many_doubted) == ["keep", "relabel"]


def test_the_focus_stays_on_its_button_from_picture_to_picture(many_doubted, open_tab):
    tab = open_tab().open("clean", "?dataset=hurried&kind=label_issue")
    tab.see("Doubted number 0.")
    tab.settled().page.get_by_role("button", name="Exclude").focus()
    for number in (1, 2):
        tab.page.keyboard.press("Enter")
        tab.see(f"Doubted number {number}.")
        expect(tab.page.get_by_role("button", name="Exclude")).to_be_focused()
    assert actions(many_doubted) == ["exclude", "exclude"]


def test_quick_presses_of_an_arrow_key_all_count_and_decision_keys_go_on_from_there(many_doubted, open_tab):
    tab = open_tab().open("clean", "?dataset=hurried&kind=label_issue")
    tab.see("Doubted number 0.")
    buttons = {name: tab.page.get_by_role("button", name=name, exact=True) for name in ("Previous", "Next")}
    expect(buttons["Next"]).to_be_enabled()  # the keys are heard once the buttons are there
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    tab.see("4 of 12")
    tab.see("Doubted number 3.")
    press(tab, many_doubted, "k")
    tab.see("Doubted number 4.")
    assert actions(many_doubted) == ["keep"]
    for _ in range(2):
        buttons["Next"].click()
    tab.see("Doubted number 6.")
    for _ in range(20):
        tab.page.keyboard.press("ArrowLeft")
    tab.see("Doubted number 0.")
    expect(buttons["Previous"]).to_be_disabled()
    tab.settled()  # the dataset is removed next: nothing may still be drawn from it
