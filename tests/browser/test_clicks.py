"""Nothing that a person clicks is swallowed, and nothing that was undone comes back: seen only where widgets are real."""

import json
import re

import pytest
from driven import TITLES, Tab
from playwright.sync_api import expect

from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter

pytestmark = pytest.mark.browser


@pytest.fixture
def demo(server, monkeypatch, wait) -> Dataset:
    """The demo dataset, once it has been painted."""
    wait((server.home / "data" / "demo" / "dataset.json").is_file, 300)
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    return load_dataset("demo")


def in_panel(tab: Tab, panel: str, option: str) -> None:
    """Open a panel, click an option in it, and close the panel again."""
    tab.settled().page.get_by_role("button", name=panel, exact=False).first.click()
    body = tab.page.get_by_test_id("stPopoverBody")
    expect(body.get_by_text(option, exact=True).first).to_be_visible()
    tab.settled()
    body.get_by_text(option, exact=True).first.click()
    tab.settled().page.keyboard.press("Escape")
    expect(body).to_have_count(0)
    tab.settled()


def click_elsewhere(tab: Tab) -> None:
    """A click on something that has nothing to do with the filter; the page is drawn anew."""
    for kind in ("proportions", "counts"):
        tab.settled().page.get_by_text(kind, exact=True).click()
        tab.addressed(balance=kind)
    tab.settled()


@pytest.mark.parametrize(
    ("page", "key", "names"),
    [
        ("explore", "question", ["Properties", "Counts and sizes", "Properties", "Train vs test"]),
        ("evaluate", "ask", ["Class pairs", "Trust and calibration", "Confusion matrix", "Slices"]),
    ],
)
def test_each_click_on_a_question_opens_it(tab, demo, trained, page, key, names):
    tab.open(page, "?dataset=demo")
    for name in names:
        tab.page.get_by_role("tab", name=name).click()
        tab.page.wait_for_function(
            "name => document.querySelector('[role=tab][aria-selected=true]')?.innerText.trim() === name", arg=name
        )
        tab.settled()
        expect(tab.page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize(
    ("page", "key", "names"),
    [
        ("explore", "question", {"there": "Counts and sizes", "look": "Properties", "differ": "Train vs test"}),
        ("evaluate", "ask", {"errors": "Confusion matrix", "pairs": "Class pairs", "trust": "Trust and calibration"}),
    ],
)
def test_arrow_keys_walk_through_the_questions_and_back_steps_through_them_again(tab, demo, trained, page, key, names):
    tab.open(page, "?dataset=demo")
    questions = list(names)
    tab.addressed(**{key: questions[0]})  # the page listens to keys
    tab.page.get_by_role("tab", name=names[questions[0]]).focus()

    def shown(question: str) -> None:
        tab.addressed(**{key: question})
        expect(tab.settled().page.get_by_role("tab", name=names[question])).to_have_attribute("aria-selected", "true")

    for arrow, question in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0)):
        tab.page.keyboard.press(arrow)
        shown(questions[question])
        expect(tab.page.get_by_role("tab", name=names[questions[question]])).to_be_focused()
    for question in (1, 2, 1, 0):
        tab.page.go_back()
        shown(questions[question])


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a reload"])
def test_another_page_and_back_is_the_view_of_the_address(tab, demo, again):
    sea = Filter(classes=("sea",))
    tab.open("explore", "?dataset=demo&balance=proportions")
    in_panel(tab, "Class", "sea")
    tab.addressed(filter=sea.to_text())
    tab.go("runs").addressed(dataset="demo")
    if again:
        tab.settled().reload().on("runs")
    tab.page.go_back()
    expect(tab.page.locator("h1")).to_have_text(TITLES["explore"])
    tab.settled().addressed(filter=sea.to_text(), balance="proportions")
    tab.see(f"{demo.catalog.count(sea):,} of 1,200 images match")
    expect(tab.page.get_by_test_id("stMain").get_by_role("button", name="sea").first).to_be_visible()
    shows(tab, demo.catalog.view(sea).page(1, 60, "id", False).tolist())
    tab.page.go_forward()
    expect(tab.page.locator("h1")).to_have_text(TITLES["runs"])


def test_a_condition_that_was_cleared_does_not_come_back(tab, demo):
    tab.open("explore", "?dataset=demo")
    in_panel(tab, "Class", "sea")
    in_panel(tab, "Split", "test")
    tab.addressed(filter=Filter(classes=("sea",), splits=("test",)).to_text())
    tab.settled().page.get_by_role("button", name="Clear all").click()
    tab.see("1,200 images in 6 classes")
    click_elsewhere(tab)
    assert tab.query("filter") is None
    tab.see("1,200 images in 6 classes")


def test_a_condition_that_was_set_elsewhere_stays_after_its_panel_was_open(tab, demo):
    tab.open("explore", "?dataset=demo")
    in_panel(tab, "Class", "sea")
    in_panel(tab, "Class", "sea")
    tab.see("1,200 images in 6 classes")
    tab.page.go_back()
    tab.addressed(filter="class_sea")
    tab.see(f"{demo.catalog.count(Filter(classes=('sea',))):,} of 1,200 images match")
    click_elsewhere(tab)
    assert tab.query("filter") == "class_sea"
    tab.page.get_by_test_id("stMain").get_by_role("button", name="sea").click()
    tab.see("1,200 images in 6 classes")
    click_elsewhere(tab)
    assert tab.query("filter") is None


def test_captions_that_were_changed_stay(tab, demo):
    tab.open("explore", "?dataset=demo")
    in_panel(tab, "Captions", "Split")
    tab.addressed(captions="file-split")
    tab.page.go_back()
    tab.page.wait_for_url(lambda url: "captions=file-split" not in url)
    expect(tab.tiles("explore").first).not_to_contain_text("train")
    click_elsewhere(tab)
    assert tab.query("captions") != "file-split"


def shows(tab: Tab, expected: list[int]) -> None:
    """The gallery holds exactly these, sooner or later."""
    tab.page.wait_for_function(
        """expected => {
          const host = [...document.querySelectorAll(".st-key-explore *")].find(node => node.shadowRoot)
          const root = host?.shadowRoot ?? document.querySelector(".st-key-explore")
          return root && JSON.stringify([...root.querySelectorAll(".tile")].map(tile => Number(tile.dataset.id))) === expected
        }""",
        arg=json.dumps(expected, separators=(",", ":")),
    )


def test_only_the_selected_pictures_are_shown_everywhere_after_the_click(tab, demo):
    tab.open("explore", "?dataset=demo&order=path")
    first = demo.catalog.view(Filter()).page(1, 60, "path", False).tolist()
    shows(tab, first)
    for tile in (0, 2):
        tab.tiles("explore").nth(tile).click(modifiers=["Control"])
    tab.settled().page.get_by_role("button", name="2 selected").click()
    tab.page.get_by_role("button", name="Show only these").click()
    tab.see("2 of 1,200 images match")
    shows(tab, [first[0], first[2]])
    assert tab.query("filter")
    tab.page.go_back()
    tab.see("1,200 images in 6 classes")
    shows(tab, first)


def test_a_condition_that_leaves_nothing_is_dropped_everywhere_after_the_click(tab, demo):
    sea, empty = Filter(classes=("sea",)), Filter(classes=("sea",), text="nowhere")
    tab.open("explore", f"?dataset=demo&filter={empty.to_text()}")
    tab.see("0 of 1,200 images match")
    tab.page.get_by_role("button", name=re.compile("Remove .*nowhere")).click()
    tab.addressed(filter=sea.to_text())
    tab.see(f"{demo.catalog.count(sea):,} of 1,200 images match")
    shows(tab, demo.catalog.view(sea).page(1, 60, "id", False).tolist())


@pytest.mark.parametrize(("page", "gallery", "query"), [("explore", "explore", ""), ("evaluate", "cell-0", "&sort=margin")])
def test_back_closes_the_image_that_is_open_and_a_link_opens_it_again(open_tab, demo, trained, page, gallery, query):
    tab = open_tab().open(page, f"?dataset=demo{query}")
    tab.addressed(dataset="demo")
    tab.tiles(gallery).first.click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    tab.page.wait_for_url(lambda url: "open=" in url)
    link = tab.settled().page.url
    tab.page.go_back()
    expect(dialog).to_have_count(0)
    assert tab.settled().query("open") is None
    assert tab.page.url.split("?")[0].endswith(page)
    other = open_tab()
    other.page.goto(link)
    expect(other.page.get_by_role("dialog").get_by_text(re.compile(r"1 of [\d,]+")).first).to_be_visible()
    other.settled().page.keyboard.press("Escape")
    expect(other.page.get_by_role("dialog")).to_have_count(0)
    other.page.wait_for_url(lambda url: "open=" not in url)


def close_and_go_back(tab: Tab, gallery: str, **before: str) -> None:
    """Open an image and close it, twice over; then Back leads to what was seen before the gallery's last view, not into the image."""
    here = tab.settled().page.url
    dialog = tab.page.get_by_role("dialog")
    for place in (0, 1):
        tab.tiles(gallery).nth(place).click()
        expect(dialog).to_be_visible()
        tab.page.wait_for_url(lambda url: "open=" in url)
        tab.settled().page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        tab.page.wait_for_url(here)
        tab.settled()
    tab.page.go_back()
    tab.addressed(**before)
    tab.settled()
    expect(dialog).to_have_count(0)


def test_back_after_an_image_was_closed_does_not_open_it_again_on_explore(tab, demo):
    tab.open("explore", "?dataset=demo")
    tab.addressed(page="1")
    tab.page.get_by_role("button", name="Page 2", exact=True).click()
    tab.addressed(page="2")
    close_and_go_back(tab, "explore", page="1")
    tab.page.go_forward()
    tab.addressed(page="2")
    tab.page.go_forward()
    expect(tab.page.get_by_role("dialog")).to_be_visible()


def test_back_after_an_image_was_closed_does_not_open_it_again_on_evaluate(tab, demo, trained):
    tab.open("evaluate", "?dataset=demo")
    tab.addressed(sort="loss")
    tab.pick("Sort by", "smallest margin first")
    tab.addressed(sort="margin")
    close_and_go_back(tab, "cell-0", sort="loss")


def test_an_image_that_a_link_opened_closes_without_an_entry_of_its_own(open_tab, demo):
    tab = open_tab().open("explore", "?dataset=demo")
    tab.tiles("explore").first.click()
    tab.page.wait_for_url(lambda url: "open=" in url)
    link = tab.settled().page.url
    other = open_tab().open("runs", "?dataset=demo")
    other.page.goto(link)
    expect(other.page.get_by_role("dialog")).to_be_visible()
    other.settled().page.keyboard.press("Escape")
    other.page.wait_for_url(lambda url: "open=" not in url)
    other.settled().page.go_back()
    expect(other.page.locator("h1")).to_have_text(TITLES["runs"])
