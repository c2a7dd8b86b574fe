"""Augment by keyboard: a slider keeps the focus while its arrow keys change a built-in pipeline into another one."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_arrow_keys_go_on_where_they_began(tab, trained):
    tab.open("augment", "?px=96&pipeline=standard")
    slider = tab.page.get_by_role("slider", name="minimum crop area").first
    expect(slider).to_have_value("0.5")
    slider.focus()
    for _ in range(8):
        tab.page.keyboard.press("ArrowRight")
        tab.page.wait_for_timeout(300)  # a person's pace: the page is drawn anew between two keys
    expect(tab.page.get_by_role("slider", name="minimum crop area").first).to_have_value("0.58")
    assert tab.state("document.activeElement.getAttribute('aria-label')") == "minimum crop area"
    tab.see("Custom: not saved under a name.")
