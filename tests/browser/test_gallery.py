"""The grid alone in a browser, without a server: what keys, clicks, drags and fingers do, and what reruns leave alone."""

from collections import Counter

import pytest
from grid import FOCUSED, SITE
from playwright.sync_api import expect

from dashboard.components.gallery import Tile

pytestmark = pytest.mark.browser


def test_keys_walk_and_enter_opens(grid):
    grid.page.keyboard.press("Tab")
    assert grid.focused == 0, "the grid is one stop"
    for key, place in (("ArrowRight", 1), ("ArrowDown", 6), ("ArrowLeft", 5), ("ArrowUp", 0), ("ArrowUp", 0), ("End", 11),
                       ("ArrowDown", 11), ("Home", 0), ("PageDown", 10), ("PageUp", 0)):  # fmt: skip
        assert grid.press(key).focused == place, key
    grid.press("ArrowRight", "Enter")
    assert grid.opened == [1]
    assert grid.reports == []


def test_after_a_dialog_the_focus_is_back_on_its_picture(grid):
    grid.press("Tab", "ArrowRight", "Enter")
    grid.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div role=dialog><button>Close</button></div>')")
    grid.page.get_by_role("button", name="Close").focus()
    grid.page.wait_for_timeout(400)
    assert grid.focused is None
    grid.page.evaluate("document.querySelector('[role=dialog]').remove()")
    grid.page.wait_for_function(f"{FOCUSED} === '1'")
    assert grid.press("ArrowRight").focused == 2


def test_a_click_opens_and_the_other_ways_select(grid):
    grid.tile(2).click()
    assert (grid.opened, grid.selected) == ([2], [])
    grid.tile(3).click(modifiers=["Control"])
    grid.tile(7).click(modifiers=["Meta"])
    assert grid.selected == [3, 7]
    grid.tile(9).click(modifiers=["Shift"])
    assert grid.selected == [7, 8, 9], "from the last that was chosen"
    grid.tile(1).click(modifiers=["Shift", "Control"])
    assert grid.selected == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    grid.tile(5).hover()
    grid.tile(5).locator(".check").click()
    assert grid.selected == [1, 2, 3, 4, 6, 7, 8, 9]
    assert sorted(grid.reports[-1]["ids"]) == grid.selected
    assert [report["revision"] for report in grid.reports] == [1, 2, 3, 4, 5]
    assert grid.opened == [2]
    expect(grid.page.locator(".count")).to_have_text("8 selected")
    grid.page.get_by_role("button", name="Clear").click()
    assert grid.selected == []
    assert grid.reports[-1] == {"ids": [], "others": False, "revision": 6}


def test_keys_select(grid):
    grid.press("Tab", "ArrowRight", " ")
    assert grid.selected == [1]
    grid.press("Shift+ArrowDown", "Shift+ArrowRight")
    assert grid.selected == [1, 2, 3, 4, 5, 6, 7]
    grid.press("Control+a")
    assert grid.selected == list(range(12))
    grid.press("Escape")
    assert grid.selected == []
    assert grid.opened == []


def test_a_rectangle_selects_what_it_touches_and_does_not_open(grid):
    grid.tile(11).click(modifiers=["Control"])
    start, end = grid.centre(1), grid.centre(7)
    grid.page.mouse.move(*start)
    grid.page.mouse.down()
    grid.page.mouse.move(*end, steps=4)
    assert grid.selected == [1, 2, 6, 7], "it shows while it is drawn"
    assert len(grid.reports) == 1, "and is told at the end"
    grid.page.mouse.up()
    assert grid.reports[-1]["ids"] == [1, 2, 6, 7]
    grid.page.keyboard.down("Control")
    grid.page.mouse.move(*grid.centre(3))
    grid.page.mouse.down()
    grid.page.mouse.move(*grid.centre(4), steps=4)
    grid.page.mouse.up()
    grid.page.keyboard.up("Control")
    assert grid.selected == [1, 2, 3, 4, 6, 7]
    grid.page.mouse.move(*start)
    grid.page.mouse.down()
    grid.page.mouse.move(*grid.centre(10), steps=4)
    grid.page.keyboard.press("Escape")
    grid.page.mouse.up()
    assert grid.selected == [1, 2, 3, 4, 6, 7], "Escape gives the rectangle up"
    assert grid.opened == []
    grid.tile(0).click()
    assert grid.opened == [0], "the click after a rectangle opens"


def test_a_rectangle_at_the_edge_scrolls_the_page(open_grid):
    grid = open_grid(viewport={"width": 900, "height": 320}).draw(20)
    grid.page.mouse.move(*grid.centre(1))
    grid.page.mouse.down()
    x, _ = grid.centre(2)
    grid.page.mouse.move(x, 310, steps=4)
    expect(grid.tile(17)).to_have_attribute("aria-selected", "true")
    grid.page.mouse.up()
    assert [identity for identity in (1, 2, 6, 7, 11, 12, 16, 17) if identity not in grid.selected] == []
    assert {identity % 5 for identity in grid.selected} == {1, 2}
    assert grid.page.evaluate("scrollY") > 0


def test_a_large_tile_on_a_dense_screen_takes_the_larger_picture(open_grid):
    tiles = [Tile(id=1, src="/small.svg", preview="/large.svg"), Tile(id=2, src="/old.jpg", preview="/old-large.jpg")]
    for scale, size, taken in ((1, "L", "/small.svg"), (2, "L", "/large.svg"), (2, "M", "/small.svg")):
        grid = open_grid(device_scale_factor=scale).draw(tiles=tiles, size=size)
        grid.page.wait_for_function("document.querySelector('#host').shadowRoot.querySelector('img').currentSrc")
        assert grid.tile(1).locator("img").evaluate("image => new URL(image.currentSrc).pathname") == taken
        expect(grid.tile(2).locator(".stale")).to_be_visible()
        expect(grid.tile(2).locator("img")).to_have_js_property("currentSrc", f"{SITE}now.svg")


def test_a_rerun_keeps_the_tiles_the_focus_and_the_place(grid):
    grid.press("Tab", "ArrowRight", "ArrowRight")
    grid.page.evaluate(
        "window.before = [...document.querySelector('#host').shadowRoot.querySelectorAll('.tile img')]; scrollTo(0, 90)"
    )
    grid.draw(10, selected=[4], revision=0)
    same = "[...document.querySelector('#host').shadowRoot.querySelectorAll('.tile img')].filter((image, place) => image === before[place]).length"
    assert grid.page.evaluate(same) == 10
    assert (grid.focused, grid.selected, grid.page.evaluate("scrollY")) == (2, [4], 90)


def test_pictures_that_are_not_shown_any_more_are_not_waited_for(grid):
    given_up = []
    grid.page.on("requestfailed", lambda request: given_up.append(request.url))
    with grid.page.expect_request("**/slow20.svg"):
        grid.draw(tiles=[Tile(id=i, src=f"/slow{i}.svg") for i in range(20, 32)])
    grid.draw(tiles=[Tile(id=i, src=f"/{i}.svg") for i in range(40, 52)])
    expect(grid.tile(45).locator("img")).to_have_js_property("naturalWidth", 150)
    assert f"{SITE}slow20.svg" in given_up


def test_an_answer_that_knows_less_than_was_chosen_is_passed_over(grid):
    for identity in (1, 2):
        grid.tile(identity).click(modifiers=["Control"])
    grid.draw(selected=[1], revision=1)
    assert grid.selected == [1, 2]
    grid.draw(selected=[1, 2], elsewhere=3, revision=2)
    expect(grid.page.locator(".count")).to_have_text("5 selected, 3 of them on other pages")
    grid.draw(selected=[], revision=2)
    assert grid.selected == [], "what the server clears is cleared"
    grid.tile(4).click(modifiers=["Control"])
    assert grid.reports[-1] == {"ids": [4], "others": True, "revision": 3}


def test_one_can_be_chosen_instead_of_opened(open_grid):
    grid = open_grid().draw(select="one")
    grid.tile(3).click()
    grid.tile(5).click(modifiers=["Control"])
    assert (grid.selected, grid.opened) == ([5], [])
    grid.press("ArrowRight", "Enter")
    assert grid.selected == [6]
    expect(grid.page.locator(".bar")).to_be_hidden()


def test_without_selection_nothing_is_selected(open_grid):
    grid = open_grid().draw(select="")
    grid.tile(3).click(modifiers=["Control"])
    grid.press(" ", "Control+a", "Escape")
    assert (grid.selected, grid.reports, grid.opened) == ([], [], [3, 3])
    expect(grid.page.get_by_role("list", name="all").get_by_role("button")).to_have_count(12)


def test_a_finger_opens_by_tap_and_selects_by_a_long_press(open_grid):
    grid = open_grid(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800}).draw()
    assert len({grid.tile(i).bounding_box()["x"] for i in range(12)}) in (2, 3), "two or three columns on a phone"
    grid.page.touchscreen.tap(*grid.centre(1))
    assert grid.opened == [1]
    finger = grid.page.context.new_cdp_session(grid.page)
    x, y = grid.centre(2)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    expect(grid.tile(2)).to_have_attribute("aria-selected", "true")
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    grid.page.touchscreen.tap(*grid.centre(4))
    assert grid.selected == [2, 4], "while some are selected, a tap selects"
    assert grid.opened == [1]
    expect(grid.page.locator(".card")).to_be_hidden()


def test_the_card_stands_beside_its_tile_with_the_larger_picture_and_the_facts(grid):
    card = grid.page.locator(".card")
    for identity in (1, 4, 10):
        grid.tile(identity).hover()
        expect(card.locator(".name")).to_have_text(f"picture {identity}")
        expect(card).to_contain_text("150 × 100 px")
        box, photo = card.bounding_box(), grid.tile(identity).locator(".photo").bounding_box()
        assert box["x"] >= photo["x"] + photo["width"] or box["x"] + box["width"] <= photo["x"], "it never lies on its tile"
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 900
        assert 0 <= box["y"] <= 700 - box["height"]
        assert card.locator("img").evaluate("image => [image.width, image.height]") == [320, 213]
    grid.page.mouse.move(5, 5)
    expect(card).to_be_hidden()
    grid.press("Tab", "ArrowRight")
    expect(card.locator(".name")).to_have_text("picture 1")
    assert grid.tile(1).get_attribute("aria-describedby") == card.get_attribute("id")
    grid.press("Escape")
    expect(card).to_be_hidden()


def test_names_of_unknown_origin_are_text_on_one_line(grid):
    names = [
        "<img src=x onerror=alert(1)>",
        "**bold** $x$ [a](b)",
        "two\nlines",
        "photo\u202egpj.exe",
        "sea\u200f",
        "שלום.jpg",
        "&amp;",
    ]
    grid.draw(
        tiles=[
            Tile(id=i, src=f"/{i}.svg", caption=name, notes=[name], badge=name, facts={name: name})
            for i, name in enumerate(names)
        ]
    )
    shown = [
        "<img src=x onerror=alert(1)>",
        "**bold** $x$ [a](b)",
        "two lines",
        "photo\\u202egpj.exe",
        "sea\\u200f",
        "שלום.jpg",
        "&amp;",
    ]
    for part in (".caption", ".note", ".badge"):
        assert grid.page.locator(f".tile {part}").all_inner_texts() == shown
    expect(grid.page.locator(".tile img")).to_have_count(len(names))
    grid.tile(0).hover()
    expect(grid.page.locator(".card dd")).to_have_text(names[0])
    apart = "nodes => nodes.every(node => node.dir === 'auto' && getComputedStyle(node).unicodeBidi === 'isolate')"
    assert grid.page.locator(".tile .caption, .tile .note, .card dd").evaluate_all(apart)


def test_a_picture_that_is_not_there_says_why_and_a_rewritten_one_shows_what_is_there(grid):
    grid.draw(
        tiles=[
            Tile(id=1, src="/gone.jpg", caption="sea", facts={"a": "b"}),
            Tile(id=2, src="/old.jpg", caption="sea"),
            Tile(id=3, src="/3.svg"),
            Tile(id=4, src="/words.jpg", caption="sea"),
        ]
    )
    expect(grid.tile(1).locator(".missing")).to_have_text("The file is gone")
    expect(grid.tile(1).locator(".missing")).to_be_visible()
    expect(grid.tile(2).locator(".stale")).to_have_text("Changed since the scan")
    expect(grid.tile(2).locator("img")).to_have_js_property("naturalWidth", 150)
    expect(grid.tile(3).locator(".missing, .stale").first).to_be_hidden()
    expect(grid.tile(4).locator(".missing")).to_have_text("Not an image")
    expect(grid.tile(4).locator(".stale")).to_be_hidden()
    grid.draw(tiles=[Tile(id=1, src="/1.svg"), Tile(id=2, src="/2.svg")])
    for identity in (1, 2):
        expect(grid.tile(identity).locator("img")).to_have_js_property("naturalWidth", 150)
        expect(grid.tile(identity).locator(".missing")).to_be_hidden()
        expect(grid.tile(identity).locator(".stale")).to_be_hidden()


@pytest.mark.parametrize("size", ["M", "L"])
def test_a_picture_that_is_not_there_is_requested_once_and_its_reason_once(open_grid, size):
    """Chromium loads a picture again whenever its `srcset` is assigned, in the error handler for ever."""
    grid = open_grid(device_scale_factor=2)
    requests: Counter[str] = Counter()
    grid.page.on("request", lambda request: requests.update([request.url.removeprefix(SITE)]))
    names = ("gone.jpg", "old.jpg", "words.jpg", "same.jpg", "small.svg")
    tiles = [Tile(id=i, src=f"/{name}", preview=f"/gone-{name}") for i, name in enumerate(names)]
    for _ in range(3):  # a rerun with the same pictures requests nothing again
        grid.draw(tiles=tiles, size=size)
        expect(grid.tile(0).locator(".missing")).to_have_text("The file is gone")
        expect(grid.tile(1).locator("img")).to_have_js_property("naturalWidth", 150)
        expect(grid.tile(3).locator(".missing")).to_have_text("Stands elsewhere")
        expect(grid.tile(4).locator("img")).to_have_js_property("naturalWidth", 150)
        grid.page.wait_for_timeout(500)
    allowed = dict.fromkeys(names, 2) | {f"gone-{name}": 1 for name in names} | {"none.jpg": 2, "now.svg": 1}
    assert {name: count for name, count in requests.items() if count > allowed[name]} == {}
    grid.draw(tiles=[Tile(id=9, src="/9.svg")])
    expect(grid.tile(9).locator("img")).to_have_js_property("naturalWidth", 150)
    before = requests.total()
    grid.page.wait_for_timeout(500)
    assert requests.total() == before, "pictures that left the grid are not requested any more"
