"""The grid within the app: a rerun leaves its pictures and the scroll alone, and the server holds what is selected."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TILES = "[...document.querySelectorAll('.st-key-explore *')].find(e => e.shadowRoot)?.shadowRoot.querySelectorAll('.tile')"
SCROLL = "document.querySelector('[data-testid=stMain]').scrollTop"


def test_choosing_and_turning_pages_keeps_pictures_scroll_and_selection(tab, server, wait):
    wait((server.home / "data" / "demo" / "dataset.json").is_file, 240)
    tab.open("explore")
    tiles = tab.tiles("explore")
    expect(tiles).to_have_count(60)
    tab.painted("explore")
    first = tab.ids("explore")
    tiles.nth(8).scroll_into_view_if_needed()
    tab.state(f"window.tilesBefore = [...{TILES}]")
    before = tab.state(SCROLL)
    for place in (6, 8):
        tiles.nth(place).click(modifiers=["Control"])
    count = tab.page.locator(".st-key-explore .count")
    expect(count).to_have_text("2 selected")
    tab.settled()
    assert tab.state(f"[...{TILES}].every((tile, place) => tile === tilesBefore[place])"), (
        "the same nodes: nothing was drawn anew"
    )
    assert tab.state(SCROLL) == before

    tab.page.get_by_role("button", name="Page 2", exact=True).click()
    expect(count).to_have_text("2 selected, 2 of them on other pages")
    tab.settled()
    assert not set(tab.ids("explore")) & set(first)
    tiles.nth(1).click(modifiers=["Control"])
    expect(count).to_have_text("3 selected, 2 of them on other pages")
    tab.page.get_by_role("button", name="Page 1").click()
    expect(tab.page.locator(f".st-key-explore .tile[data-id='{first[6]}']")).to_have_attribute("aria-selected", "true")
    expect(count).to_have_text("3 selected, 1 of them on other pages")
    tab.page.locator(".st-key-explore").get_by_role("button", name="Clear", exact=True).click()
    tab.settled()
    tab.reload().on("explore")
    expect(tab.tiles("explore").first).to_have_attribute("aria-selected", "false")
