"""Previous and Next alone on a page, without a server: they are disabled until their script listens, and then every press counts."""

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.components import step_buttons

pytestmark = pytest.mark.browser

LOAD = """async js => {
  const module = await import(URL.createObjectURL(new Blob([js], {type: "text/javascript"})))
  window.reports = []
  const setStateValue = (name, reports) => window.reports.push(reports.at(-1).value)
  window.draw = data => module.default({data, parentElement: document.body, setStateValue})
}"""


@pytest.fixture
def page(browser: Browser):
    """The buttons as Streamlit puts them on the page, before it has loaded their script."""
    context = browser.new_context()
    page = context.new_page()
    page.set_content(step_buttons._HTML)
    yield page
    context.close()


def draw(page: Page, place: int, taken: int = 0) -> None:
    """A run of the page, in which Python has taken reports up to this number."""
    page.evaluate("data => draw(data)", {"key": "steps", "place": place, "count": 9, "revisions": {"moved": taken}})


def test_the_buttons_are_disabled_until_their_script_listens(page):
    buttons = {name: page.get_by_role("button", name=name) for name in ("Previous", "Next")}
    for button in buttons.values():
        expect(button).to_be_disabled()
    page.evaluate(LOAD, step_buttons._JS)
    for button in buttons.values():
        expect(button).to_be_disabled()
    draw(page, 4)
    for button in buttons.values():
        expect(button).to_be_enabled()
    buttons["Next"].click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("window.reports") == [5, 4, 3], "what can be pressed is heard"


def test_presses_while_an_image_is_drawn_go_on_from_where_the_person_is(page):
    page.evaluate(LOAD, step_buttons._JS)
    draw(page, 0)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    draw(page, 1, taken=1)  # the answer to the first press
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.reports") == [1, 2, 3, 4]
    draw(page, 4, taken=4)
    draw(page, 8, taken=4)
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    expect(page.get_by_role("button", name="Previous")).to_be_enabled()


def test_buttons_that_are_mounted_anew_go_on_with_their_numbers(page):
    page.evaluate(LOAD, step_buttons._JS)
    draw(page, 0)
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.evaluate("html => { document.body.innerHTML = html }", step_buttons._HTML)
    page.evaluate(LOAD, step_buttons._JS)
    draw(page, 1, taken=1)  # Python has yet to take the second press
    page.get_by_role("button", name="Next").click()
    assert page.evaluate("window.reports") == [3]
