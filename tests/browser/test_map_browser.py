"""The map in the browser: an area drawn by the mouse filters the gallery to exactly its images, and stays until it is removed."""

import os
import re
import subprocess
import sys

import pytest
from driven import Tab
from playwright.sync_api import expect

from dashboard.app import map_selection
from engine.core.paths import PROJECT
from engine.data.datasets import load_dataset
from engine.embeddings import dataset_index
from engine.embeddings.projection import Map, points_inside

pytestmark = pytest.mark.browser
CANVAS = ".st-key-map canvas"


@pytest.fixture(scope="session")
def demo_map(server, trained) -> None:
    """The map of the demo dataset; its embeddings are those of the run."""
    command = [sys.executable, "-m", "engine", "map", "demo"]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, "SCENESCOPE_HOME": str(server.home)}, check=True, timeout=240)


@pytest.fixture
def drawn(demo_map, server, monkeypatch) -> Map:
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    return dataset_index.load_map(load_dataset("demo"))


def lasso(tab: Tab, corners: list[tuple[float, float]]) -> None:
    """Draw through places given as shares of the map's width and height."""
    canvas = tab.page.locator(CANVAS)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in corners]
    tab.page.mouse.move(*places[0])
    tab.page.mouse.down()
    for place in places[1:]:
        tab.page.mouse.move(*place, steps=4)
    tab.page.mouse.up()


def test_an_area_drawn_by_the_mouse_is_the_gallerys_filter_until_its_chip_is_clicked(tab, drawn, screenshots):
    tab.open("explore", "?dataset=demo&question=alike")
    expect(tab.page.locator(CANVAS)).to_be_visible()
    tab.see("Distances between clusters")
    lasso(tab, [(0.05, 0.1), (0.5, 0.05), (0.55, 0.6), (0.3, 0.9), (0.05, 0.8), (0.05, 0.1)])
    tab.page.wait_for_url(re.compile("area="))
    tab.settled()
    held = points_inside(drawn.xy, map_selection.read_pick(tab.query("area")).corners)
    assert 0 < held.sum() < len(drawn)
    chip = tab.page.get_by_role("button", name=f"{held.sum():,} on the map")
    expect(chip).to_be_visible()
    tab.see(re.compile(rf"{held.sum():,}\W+of {len(drawn):,} images match"))
    expect(tab.tiles("explore").first).to_be_visible()
    assert set(tab.ids("explore")) <= set(drawn.ids[held].tolist())
    counts = tab.page.locator(".st-key-map .legend small").all_inner_texts()
    assert sum(int(count.replace(",", "")) for count in counts) == held.sum(), "the legend counts what is selected"
    tab.settled().picture(screenshots / "map.png")

    tab.reload().on("explore")
    expect(tab.page.get_by_role("button", name=f"{held.sum():,} on the map")).to_be_visible()
    tab.page.get_by_role("button", name=f"{held.sum():,} on the map").click()
    expect(tab.page.get_by_role("button", name="on the map")).to_have_count(0)
    tab.settled()
    assert tab.query("area") is None


def test_a_point_shows_its_image_on_hover_and_opens_it_on_a_click(tab, drawn):
    tab.open("explore", "?dataset=demo&question=alike")
    canvas = tab.page.locator(CANVAS)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    # As scatter.js fits the whole map into the canvas: 14 pixels of margin, both axes on one scale.
    low, high = drawn.xy.min(axis=0), drawn.xy.max(axis=0)
    scale = min((box["width"] - 28) / (high[0] - low[0]), (box["height"] - 28) / (high[1] - low[1]))
    x, y = ((drawn.xy[0] - (low + high) / 2) * scale).tolist()
    tab.page.mouse.move(box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y)
    picture = tab.page.locator(".st-key-map .card img")
    expect(picture).to_have_attribute("src", re.compile(r"^/thumb/demo/\d+/"))
    shown = int(picture.get_attribute("src").split("/")[3])
    at = drawn.xy[drawn.ids == shown][0]
    assert abs(at - drawn.xy[0]).max() * scale < 3, "of points that lie on each other any may answer"
    tab.page.mouse.down()
    tab.page.mouse.up()
    row = load_dataset("demo").catalog.get(shown)
    expect(tab.page.get_by_role("dialog")).to_contain_text(row.path)


def test_the_keyboard_selects_images_among_another_class(tab, drawn):
    tab.open("explore", "?dataset=demo&question=alike")
    box = tab.page.get_by_role("combobox", name="Images surrounded by another class")
    box.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        tab.page.keyboard.press(key)
    expect(box).to_have_value(re.compile(r"^[\d,]+: .* among "))
    n = box.input_value().partition(": ")[0]
    expect(tab.page.get_by_role("button", name=f"{n} on the map")).to_be_visible()
    tab.page.locator(CANVAS).focus()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("button", name="on the map")).to_have_count(0)
