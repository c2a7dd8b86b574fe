"""Explore in a real browser: a click on a chart is a filter, the address is the view, arrow keys walk through the images."""

import re
import time

import pytest
from driven import TIMEOUT, Tab
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


def ids(data: Dataset, wanted: Filter, page: int = 1) -> list[int]:
    return data.catalog.view(wanted).page(page, 60).tolist()


def shows(tab: Tab, expected: list[int]) -> None:
    """The gallery holds exactly these."""
    until = time.monotonic() + TIMEOUT / 1000
    while tab.ids("explore") != expected and time.monotonic() < until:
        tab.page.wait_for_timeout(50)
    assert tab.ids("explore") == expected


def click_row(tab: Tab, axis: str, row: int) -> None:
    """Click far right in a row of the bars: its class is meant, however short the bar. A chart that still moved: once more."""
    before = tab.query("filter")
    for _ in range(4):
        tab.settled().page.mouse.click(*_place(tab, axis, row))
        until = time.monotonic() + TIMEOUT / 4000
        while time.monotonic() < until:
            if tab.query("filter") != before:
                return
            tab.page.wait_for_timeout(50)


def _place(tab: Tab, axis: str, row: int) -> list[float]:
    return tab.page.wait_for_function(
        """([axis, row]) => {
          const plot = document.querySelector(".st-key-counts .js-plotly-plot")
          const x = plot?._fullLayout?.[axis], y = plot?._fullLayout?.yaxis
          if (!x) return false
          const box = plot.getBoundingClientRect()
          return [box.left + x._offset + 0.9 * x._length, box.top + y._offset + y.d2p(row)]
        }""",
        arg=[axis, row],
    ).json_value()


def test_a_click_on_a_bar_leaves_exactly_its_images_and_the_address_keeps_them(tab, open_tab, demo):
    wanted = Filter(classes=("sea",), splits=("test",))
    tab.open("explore")
    expect(tab.tiles("explore")).to_have_count(60)
    click_row(tab, "xaxis3", demo.classes.index("sea"))
    tab.see("40 of 1,200 images match")
    shows(tab, ids(demo, wanted))
    assert tab.query("filter") == wanted.to_text()
    shows(tab.reload().on("explore"), ids(demo, wanted))
    shows(open_tab().open("explore", f"?filter={wanted.to_text()}"), ids(demo, wanted))


def test_back_and_forward_lead_through_what_was_done(tab, demo):
    train = Filter(splits=("train",))
    tab.open("explore", "?filter=split_train")
    shows(tab, ids(demo, train))
    tab.page.get_by_role("button", name="Page 2").click()
    tab.page.wait_for_url(re.compile("page=2"))
    tab.page.get_by_role("tab", name="Properties").click()
    tab.page.wait_for_url(re.compile("question=look"))
    tab.settled().page.get_by_role("button", name="Clear all").click()
    tab.see("1,200 images in 6 classes")
    shows(tab, ids(demo, Filter()))
    for text, question, shown in ((train, "look", 2), (train, "there", 2), (train, "there", 1)):
        tab.settled().page.go_back()
        tab.addressed(filter=train.to_text(), question=question, page=str(shown))
        shows(tab, ids(demo, text, shown))
        assert (tab.query("filter"), tab.query("question"), tab.query("page")) == (train.to_text(), question, str(shown))
    tab.settled().page.go_forward()
    shows(tab, ids(demo, train, 2))


def test_arrow_keys_walk_through_what_matches(tab, demo):
    wanted = Filter(classes=("forest",), splits=("test",))
    rows = demo.catalog.page(wanted)
    tab.open("explore", f"?filter={wanted.to_text()}")
    tab.tiles("explore").nth(1).click()
    dialog = tab.page.get_by_role("dialog")
    for key, place in ((None, 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0)):
        if key:
            tab.page.keyboard.press(key)
        expect(dialog).to_contain_text(f"{place + 1} of {len(rows)}")
        expect(dialog).to_contain_text(rows[place].path)
    picture = dialog.locator("img").first
    expect(picture).to_have_attribute("alt", f"forest, {rows[0].path}")
    tab.page.wait_for_function("document.querySelector('[role=dialog] img').naturalWidth > 0")


def test_a_range_is_set_under_its_histogram_by_keyboard(tab, demo):
    tab.open("explore")
    tab.page.get_by_role("button", name="More").click()
    slider = tab.page.locator(".st-key-filter-brightness").get_by_role("slider").first
    slider.focus()
    for _ in range(8):
        slider.press("ArrowRight")
    tab.page.wait_for_url(re.compile("filter=brightness_"))
    tab.settled()
    wanted, ignored = Filter.from_text(tab.query("filter"))
    assert not ignored and wanted.range("brightness").low is not None
    tab.see(f"{demo.catalog.count(wanted):,} of 1,200 images match")
    shows(tab, ids(demo, wanted))


def test_the_table_of_what_matches_is_a_file(tab, demo):
    wanted = Filter(classes=("glacier",), splits=("test",))
    tab.open("explore", f"?filter={wanted.to_text()}&order=path")
    tab.page.get_by_role("button", name="Export").click()
    link = tab.page.get_by_role("link", name="Download CSV of 40 images")
    answer = tab.page.request.get(tab.url + link.get_attribute("href"))
    assert answer.headers["content-disposition"] == 'attachment; filename="demo.csv"'
    lines = answer.text().splitlines()
    assert lines[0].startswith("path,class,split,state,width,height,bytes,brightness")
    assert [line.split(",")[0] for line in lines[1:]] == [row.path for row in demo.catalog.page(wanted, order="path")]


def test_quick_presses_of_an_arrow_key_all_count(tab, demo):
    tab.open("explore", "?filter=split_test")
    tab.tiles("explore").first.click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 of 240")
    expect(dialog.get_by_role("button", name="Next")).to_be_enabled()  # the keys are heard once the buttons are there
    for _ in range(7):
        tab.page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("8 of 240")
    for _ in range(20):
        tab.page.keyboard.press("ArrowLeft")
    expect(dialog).to_contain_text("1 of 240")
    expect(dialog.get_by_role("button", name="Previous")).to_be_disabled()


def test_sixteen_at_random_are_walked_among_themselves_and_come_back(tab, demo):
    tab.open("explore", "?dataset=demo")
    tab.page.get_by_role("button", name="Random 16").click()
    expect(tab.tiles("sixteen-grid")).to_have_count(16)
    drawn = tab.ids("sixteen-grid")
    dialog = tab.page.get_by_role("dialog")
    box = dialog.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900, "all sixteen are seen at once"
    tab.tiles("sixteen-grid").nth(3).click()
    expect(dialog).to_contain_text("4 of 16")
    tab.settled().page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("5 of 16")
    expect(dialog).to_contain_text(demo.catalog.get(drawn[4]).path)
    tab.settled().page.keyboard.press("Escape")
    expect(tab.tiles("sixteen-grid")).to_have_count(16)
    assert tab.ids("sixteen-grid") == drawn
    tab.settled().page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("name", ["Similarity map", "Train vs test"])
def test_on_a_phone_the_open_question_is_in_sight(open_tab, demo, name):
    question = {"Similarity map": "alike", "Train vs test": "differ"}[name]
    tab = open_tab(width=390, height=844, touch=True)
    tab.open("explore", f"?dataset=demo&question={question}")
    tab.page.wait_for_function(
        "() => { const tab = document.querySelector('[role=tab][aria-selected=true]').getBoundingClientRect(); "
        "return tab.left >= 0 && tab.right <= innerWidth }"
    )
    assert tab.width() <= 390


def test_escape_ends_a_selection_whose_rectangle_began_in_a_gap(tab, demo):
    tab.open("explore", "?dataset=demo")
    tab.painted("explore")
    second = tab.tiles("explore").nth(1).bounding_box()
    tab.page.mouse.move(second["x"] - 5, second["y"] + 40)
    tab.page.mouse.down()
    for across in (30, 80):
        tab.page.mouse.move(second["x"] + across, second["y"] + 60)
    tab.page.mouse.up()
    expect(tab.page.get_by_role("button", name="1 selected")).to_be_visible()
    tab.settled().page.keyboard.press("Escape")
    expect(tab.page.get_by_role("button", name="1 selected")).to_have_count(0)
