"""A tab of the real browser, with the words of this app: pages, tiles, the matrix."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image
from playwright.sync_api import ConsoleMessage, Locator, Page, TimeoutError, expect

TIMEOUT = 30_000  # ms for what a loaded two-core machine may take; nothing waits longer than it must
LARGEST = 480_000  # bytes of a picture in the repository
TITLES = {
    "start": "From photos to a model you can trust",
    "explore": "What is in the data?",
    "augment": "What will the network see?",
    "train": re.compile(r"How (should it learn|is it learning|did it learn)\?"),
    "runs": "What was trained?",
    "evaluate": "Where does it go wrong?",
    "clean": "Which labels are wrong?",
    "predict": "What is in this image?",
}


class Tab:
    """A page of the browser; `complaints` collects what it printed as an error."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.set_default_timeout(TIMEOUT)
        expect.set_options(timeout=TIMEOUT)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        source = message.location.get("url", "")
        if message.type == "error" and source.startswith(self.url):  # hosts of the outer world are not reached from everywhere
            self.complaints.append(f"{self.page.url}: {message.text} ({source})")

    def open(self, page: str, query: str = "") -> "Tab":
        """The page by its address, ready to be used."""
        self.page.goto(f"{self.url}/{'' if page == 'start' else page}{query}")
        return self.on(page)

    def go(self, page: str) -> "Tab":
        """The page by the navigation on top."""
        # Streamlit forgets the pictures of a page that is left, also those that the browser is still loading.
        self.page.wait_for_function("[...document.querySelectorAll('img[src*=\"/media/\"]')].every(image => image.complete)")
        self.page.get_by_test_id("stTopNavLink").filter(has_text=page.capitalize()).click()
        return self.on(page)

    def on(self, page: str) -> "Tab":
        expect(self.page.locator("h1")).to_have_text(TITLES[page])
        return self.settled()

    def settled(self) -> "Tab":
        """The script has run to its end, and shows no failure."""
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        expect(self.page.get_by_test_id("stSpinner")).to_have_count(0)
        main = self.page.get_by_test_id("stMain").inner_text()
        assert "Traceback" not in main
        assert "This page failed" not in main
        assert self.page.get_by_test_id("stException").count() == 0
        return self

    def see(self, text: str | re.Pattern, within: float = TIMEOUT) -> Locator:
        result = self.page.get_by_text(text).first
        expect(result).to_be_visible(timeout=within)
        return result

    def pick(self, label: str, option: str) -> None:
        """Choose in a select box. On a loaded machine a click may meet a page that is still moving: then once more."""
        box, result = self.page.get_by_role("combobox", name=label), self.page.get_by_role("option", name=option)
        for _ in range(5):
            box.click()
            try:
                result.wait_for(timeout=TIMEOUT / 5)
                break
            except TimeoutError:
                continue
        result.click()

    def query(self, key: str) -> str | None:
        """What the address carries as `key`."""
        return parse_qs(urlsplit(self.page.url).query, keep_blank_values=True).get(key, [None])[0]

    def addressed(self, **wanted: str) -> None:
        """The address carries, sooner or later, all of this."""
        self.page.wait_for_url(
            lambda url: wanted.items() <= {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}.items()
        )

    def reload(self) -> "Tab":
        self.page.reload()
        return self

    # The gallery

    def tiles(self, key: str) -> Locator:
        return self.page.locator(f".st-key-{key} .tile")

    def ids(self, key: str) -> list[int]:
        return [int(identity) for identity in self.tiles(key).evaluate_all("tiles => tiles.map(tile => tile.dataset.id)")]

    def painted(self, key: str) -> None:
        """Every picture in sight has arrived."""
        self.page.wait_for_function(
            """key => {
              const host = [...document.querySelectorAll(`.st-key-${key} *`)].find(node => node.shadowRoot)
              const images = [...(host?.shadowRoot ?? document.querySelector(`.st-key-${key}`)).querySelectorAll(".tile img")]
              const near = images.filter(image => image.getBoundingClientRect().top < innerHeight)
              return near.length > 0 && near.every(image => image.complete && image.naturalWidth > 0)
            }""",
            arg=key,
        )

    # The matrix

    def click_cell(self, true: int, predicted: int, across: float = 0.5, down: float = 0.5) -> None:
        """Click into the cell, `across` and `down` as shares of its width and height, once the page stands still."""
        place = self.settled().cell(true, predicted, across, down)
        while True:
            self.page.evaluate("new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)))")
            before, place = place, self.cell(true, predicted, across, down)
            if place == before:
                break
        self.page.mouse.click(*place)

    def cell(self, true: int, predicted: int, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """The place in the window of the cell of two classes, by their numbers: where the two headers cross."""
        place = self.page.wait_for_function(
            """([row, column, across, down]) => {
              const root = [...document.querySelectorAll(".st-key-matrix *")].find(node => node.shadowRoot)?.shadowRoot
              const heads = [`.rows [data-class="${row}"]`, `.columns [data-class="${column}"]`].map(at => root?.querySelector(at))
              if (!heads.every(head => head?.getBoundingClientRect().height)) return false
              heads[0].scrollIntoView({block: "nearest", behavior: "instant"})
              const [down_, across_] = heads.map(head => head.getBoundingClientRect())
              return [across_.left + across * across_.width, down_.top + down * down_.height]
            }""",
            arg=[true, predicted, across, down],
        ).json_value()
        return place[0], place[1]

    def chosen(self, *cells: str) -> None:
        """The address holds just these parts of the matrix."""
        self.page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("cells", [""])[0] == "_".join(cells))

    # What it looks like

    def width(self) -> int:
        """How wide the page is, sideways scrolling included."""
        return self.page.evaluate(
            "Math.max(document.scrollingElement.scrollWidth, "
            "...[...document.querySelectorAll('[data-testid=stMain]')].map(main => main.scrollWidth))"
        )

    def picture(self, file: Path) -> None:
        """A screenshot of the window; one that would be large is saved with fewer colours."""
        self.page.mouse.move(2, 2)
        self.page.evaluate("document.fonts.ready")
        image = Image.open(BytesIO(self.page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
        image.save(file, optimize=True)
        if file.stat().st_size > LARGEST:
            image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)

    def state(self, expression: str) -> Any:
        return self.page.evaluate(expression)
