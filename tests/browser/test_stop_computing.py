"""What takes long ends when the person clicks: Streamlit itself would keep the click until all is computed."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_map_is_called_computed_once_it_is_and_can_be_stopped(tab, trained):
    tab.open("evaluate", "?dataset=demo")
    tab.tiles("cell-0").first.click()
    dialog = tab.page.get_by_role("dialog")
    tab.pick("Method", "ScoreCAM")
    waiting = dialog.get_by_text("not computed yet")
    expect(waiting).to_have_count(2)
    compute, stop = (dialog.get_by_role("button", name=name) for name in ("Compute ScoreCAM", "Stop"))
    compute.click()
    expect(dialog.get_by_text("passes of the network")).to_be_visible()
    stop.click()
    expect(compute).to_be_visible()
    expect(waiting).to_have_count(2)
    compute.click()
    expect(dialog.get_by_text("passes of the network")).to_be_visible()
    dialog.get_by_role("button", name="Next").click()
    expect(dialog.get_by_text("2 of")).to_be_visible()
    expect(waiting).to_have_count(2)


def test_no_picture_of_a_step_that_was_left_is_requested_in_vain(tab, trained):
    """`tab` fails a test whose console has errors, such as a 404."""
    tab.open("evaluate", "?dataset=demo")
    tab.tiles("cell-0").first.click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.locator("figure img")).to_have_count(3)
    for _ in range(6):
        tab.page.keyboard.press("ArrowRight")
        tab.page.wait_for_timeout(120)
    expect(dialog.get_by_text("7 of")).to_be_visible()
    tab.settled()
    sources = dialog.locator("figure img").evaluate_all("images => images.map(image => image.src.slice(0, 5))")
    assert sources == ["data:"] * 3


def test_a_measurement_can_be_cancelled(tab, trained):
    tab.open("augment", "?dataset=demo&pipeline=standard")
    tab.page.get_by_role("button", name="Measure", exact=False).click()
    cancel = tab.page.get_by_role("button", name="Cancel")
    expect(tab.page.get_by_text("Measuring random crop")).to_be_visible()
    cancel.click()
    expect(cancel).to_have_count(0)
    tab.settled()
    expect(tab.page.locator(".st-key-measure-withstand button")).to_have_text("shieldMeasure")
    expect(tab.page.get_by_text("Measuring")).to_have_count(0)
