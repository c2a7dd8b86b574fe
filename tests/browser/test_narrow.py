"""A phone shows the same: no page scrolls sideways, and a tap on the matrix means its cell."""

import pytest
from driven import TITLES
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("page", TITLES)
def test_no_page_scrolls_sideways(open_tab, trained, page):
    tab = open_tab(390, 844).open(page, "?examples=7" if page == "predict" else "")
    tab.settled()
    assert tab.width() <= 390


def test_a_tap_means_the_cell_that_it_touches(open_tab, trained, screenshots):
    tab = open_tab(390, 844, touch=True).open("evaluate")
    for true, predicted in ((4, 4), (3, 2)):
        tab.page.touchscreen.tap(*tab.cell(true, predicted, 0.3, 0.7))
        tab.chosen(f"{true}-{predicted}")
    tab.see("of mountain taken for glacier")
    expect(tab.tiles("cell-0").first).to_be_attached()
    tab.settled().page.get_by_test_id("stMain").evaluate(
        "main => main.scrollBy(0, document.querySelector('.st-key-matrix').getBoundingClientRect().top - 70)"
    )
    tab.painted("cell-0")
    tab.picture(screenshots / "evaluate-phone.png")
