"""The compare slider alone in a browser: an image that is missing is requested once, and its reason stays with it."""

from collections import Counter

import pytest
from playwright.sync_api import Browser, Route, expect

from dashboard.components import compare_slider

pytestmark = pytest.mark.browser

SITE = "http://slider.test/"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="150" height="150"><rect width="150" height="150" fill="teal"/></svg>'
MOUNT = """async ([html, css, js]) => {
  const root = document.querySelector("#host").attachShadow({mode: "open"})
  root.innerHTML = `<div><div>${html}</div><style>${css}</style></div>`
  const module = await import(URL.createObjectURL(new Blob([js], {type: "text/javascript"})))
  window.draw = data => module.default({data: {alt: "sea", label: "Where it looked", opacity: 1, waiting: "Looking", ...data}, parentElement: root})
}"""


def answer(route: Route) -> None:
    path = route.request.url.removeprefix(SITE)
    if path.startswith("gone"):
        route.fulfill(status=404, content_type="text/plain", body=f"{path} is gone")
    elif path.endswith(".svg"):
        route.fulfill(content_type="image/svg+xml", body=PICTURE)
    else:
        route.fulfill(content_type="text/html", body="<!doctype html><div id=host style='width:400px'></div>")


def test_a_map_that_is_not_there_is_requested_once_and_stays_away(browser: Browser) -> None:
    page = browser.new_page()
    page.route(f"{SITE}**", answer)
    page.goto(SITE)
    page.evaluate(MOUNT, [compare_slider._HTML, compare_slider._CSS, compare_slider._JS])
    requests: Counter[str] = Counter()
    page.on("request", lambda request: requests.update([request.url.removeprefix(SITE)]))
    for _ in range(3):
        page.evaluate("draw({image: '/1.svg', overlay: '/gone-map'})")
        expect(page.locator(".message")).to_have_text("gone-map is gone")
        expect(page.locator(".overlay")).to_be_hidden()
        expect(page.get_by_role("slider", include_hidden=True)).to_be_hidden()
        page.wait_for_timeout(300)
    assert requests == {"1.svg": 1, "gone-map": 2}, "the picture, and the reason in words"
    page.evaluate("draw({image: '/2.svg', overlay: '/2-map.svg'})")
    expect(page.locator(".overlay")).to_be_visible()
    expect(page.locator(".message")).to_be_hidden()
    page.evaluate("draw({image: '/gone-picture', overlay: ''})")
    expect(page.locator(".message")).to_have_text("gone-picture is gone")
    page.context.close()
