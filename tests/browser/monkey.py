"""A monkey: seeded random clicks, keys and steps back on one page, after each of which the page must show what its address says."""

import contextlib
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from driven import Tab
from playwright.sync_api import Error, Request, Response
from view_of_address import difference, expected, observed, page_of, query_of

KEYS = (
    "Escape",
    "ArrowRight",
    "ArrowLeft",
    "ArrowDown",
    "ArrowUp",
    "Enter",
    "Space",
    "Tab",
    "Home",
    "End",
    "Control+a",
    "k",
    "x",
    "u",
    "2",
)
LETTERS = ("a", "1", "0", "e")
SETTLE = 30.0  # seconds that a busy machine may take until the page agrees with its address
REPEATED = 12  # requests of one address within one step: more is a loop
# Work that runs for minutes, files that are written for a person, and what ends the data that the walk is about.
_LEFT_ALONE = re.compile(
    r"^(train\b|train a|delete|remove|draw|compute|measure|audit|export|download|table of|create|make|save|keep$|add\b|start\b|estimate"
    r"|how long|find|pause|stop|resume|finish|report|upload|browse|take|paste|prove|retrain|empty|watch|duplicate|restore|choose images"
    r"|rename|note|tag|deploy|try|do it|test with|look|go on|everything|import|read a file|print|rerun|clear cache|record|relabel"
    r"|put all|the .* selected|show it again|open in|copy)",
    re.IGNORECASE,
)
_CANDIDATES = """() => {
  const all = []
  const walk = root => { for (const e of root.querySelectorAll("*")) { all.push(e); if (e.shadowRoot) walk(e.shadowRoot) } }
  walk(document)
  const wanted = ["button", "[role=tab]", "[role=radio]", "[role=option]", "[role=switch]", "input:not([type=file])", "summary",
    ".tile", "[data-class]", "canvas", ".js-plotly-plot .nsewdrag"].join(", ")
  const elsewhere = ["stHeader", "stFileUploader", "stCameraInput", "stElementToolbar", "stSidebar"]
    .map(name => `[data-testid=${name}]`).join(", ")
  const label = e => (e.getAttribute("aria-label") || e.innerText || e.closest("label")?.innerText || "").replace(/\\s+/g, " ").trim()
  const kind = e => e.getAttribute("role") || (e.classList.contains("tile") ? "tile" : e.tagName.toLowerCase())
  const large = e => { const box = e.getBoundingClientRect(); return box.width >= 4 && box.height >= 4 }
  window.__monkey = all.filter(e => e.matches(wanted) && !e.disabled && !e.closest(elsewhere) && large(e))
  return window.__monkey.map((e, place) => ({ place, label: label(e).slice(0, 60), kind: kind(e) }))
}"""
_AIM = """([place, across, down]) => {
  const e = window.__monkey[place]
  if (!e?.isConnected) return null
  e.scrollIntoView({ block: "center", behavior: "instant" })
  const box = e.getBoundingClientRect()
  const x = box.left + across * box.width, y = box.top + down * box.height
  if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return null
  let top = document.elementFromPoint(x, y)
  while (top?.shadowRoot) { const inner = top.shadowRoot.elementFromPoint(x, y); if (!inner || inner === top) break; top = inner }
  for (let n = top; n; n = n.parentNode ?? n.host) if (n === e) return [x, y]
  return null
}"""

_CHOSEN = """([kind, label]) => [...document.querySelectorAll(`[data-testid=stMain] [role=${kind}]`)]
  .filter(e => (e.getAttribute("aria-label") || e.innerText).replace(/\\s+/g, " ").trim().slice(0, 60) === label)
  .map(e => e.getAttribute("aria-selected") === "true" || e.getAttribute("aria-checked") === "true")"""


@dataclass
class Monkey:
    """Walks on one page of a tab; `journal` says what it did, so that a failure can be walked again."""

    tab: Tab
    page: str
    seed: int
    journal: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.page}-{self.seed}")
        self.requests: Counter[str] = Counter()
        self.clicked: tuple[str, str] | None = None  # a tab or a radio button that must be the chosen one now
        self.tab.page.on("request", self._requested)
        self.tab.page.on("response", self._answered)

    def walk(self, steps: int) -> None:
        self._agree(self.tab.page.url)
        for number in range(steps):
            self.requests.clear()
            before = self.tab.page.url
            done = self._one_step()
            self.journal.append(f"{number}: {done}")
            self.tab.page.wait_for_timeout(150)
            self._agree(before)
            self._took_effect()
            self._no_loop()
            assert not self.complaints, self._told("\n".join(self.complaints))
            assert not self.tab.complaints, self._told("\n".join(self.tab.complaints))

    def _one_step(self) -> str:
        choice = self.random.random()
        if choice < 0.72:
            return self._click()
        if choice < 0.88:
            key = self.random.choice(KEYS)
            self.tab.page.keyboard.press(key)
            return f"key {key}"
        if choice < 0.93:
            return self._type()
        if choice < 0.985:
            return self._history()
        self.tab.page.reload()
        self.tab.page.wait_for_selector("h1")
        return "reload"

    def _click(self) -> str:
        offered = self.tab.page.evaluate(_CANDIDATES)
        for _ in range(12):
            # Every kind is as likely: sixty tiles would leave no click for the tabs.
            kind = self.random.choice(sorted({one["kind"] for one in offered}))
            one = self.random.choice([one for one in offered if one["kind"] == kind])
            if _LEFT_ALONE.match(one["label"]):
                continue
            inside = [0.2 + 0.6 * self.random.random() for _ in range(2)]
            place = self.tab.page.evaluate(_AIM, [one["place"], *inside])
            if place is None:
                continue
            modifiers = self.random.choice(("", "", "", "", "Control", "Shift")) if one["kind"] == "tile" else ""
            if modifiers:
                self.tab.page.keyboard.down(modifiers)
            self.tab.page.mouse.click(*place)
            if modifiers:
                self.tab.page.keyboard.up(modifiers)
            if one["kind"] in ("tab", "radio") and not self.tab.page.get_by_role("dialog").count():
                self.clicked = (one["kind"], one["label"])
            return f"click {modifiers} {one['kind']} {one['label']!r}"
        return "nothing to click"

    def _type(self) -> str:
        """Letters into a search box, where the page has one."""
        boxes = self.tab.page.locator("[data-testid=stMain] input[type=search]")
        if not boxes.count():
            self.tab.page.keyboard.press("Escape")
            return "key Escape"
        letters = "".join(self.random.choice(LETTERS) for _ in range(self.random.randint(0, 2)))
        if self.tab.page.get_by_role("dialog").count():
            self.tab.page.keyboard.press("Escape")
        boxes.first.fill(letters, timeout=5000)
        return f"type {letters!r}"

    def _history(self) -> str:
        before = self.tab.page.url
        direction = self.random.choice(("back", "back", "forward"))
        with contextlib.suppress(Error):  # beyond the first page: the script that asked for it is gone with its document
            self.tab.page.evaluate(f"history.{direction}()")
        self.tab.page.wait_for_timeout(300)
        return direction if self.tab.page.url != before else f"{direction} (nowhere)"

    def _stay(self, before: str) -> None:
        """Links and Back may lead to another page: return to the one that is walked on."""
        if page_of(self.tab.page.url) != self.page or not self.tab.page.url.startswith(self.tab.url):
            self.journal.append(f"   left for {self.tab.page.url}: opened {before}")
            self.tab.page.goto(before)
            self.tab.page.wait_for_selector("h1")
            self.clicked = None

    def _agree(self, before: str) -> None:
        """Wait until the page stands still and shows what its address says."""
        until, problem = time.monotonic() + SETTLE, "the page did not come to rest"
        while time.monotonic() < until:
            if not self._still():
                continue
            self._stay(before)
            url = self.tab.page.url
            query = query_of(url)
            try:
                wanted = expected(self.page, query)
            except KeyError as error:  # the page has yet to write what it chose: its dataset, its run
                problem = f"the address has no {error}"
                self.tab.page.wait_for_timeout(200)
                continue
            seen = observed(self.tab, list(wanted))
            problem = difference(self.page, query, seen, wanted)
            if not problem and self.tab.page.url == url:
                break
            self.tab.page.wait_for_timeout(200)
        assert not problem, self._told(problem)
        main = self.tab.page.get_by_test_id("stMain").inner_text()
        for sign in ("Traceback", "This page failed"):
            assert sign not in main, self._told(f"the page says {sign!r}: {main[:500]}")
        assert self.tab.page.get_by_test_id("stException").count() == 0, self._told("an exception is on the page")

    def _took_effect(self) -> None:
        """A click that was swallowed leaves an address and a page that agree with each other, and not with the person."""
        if self.clicked is None:
            return
        (kind, label), self.clicked = self.clicked, None
        until, states = time.monotonic() + SETTLE / 3, [False]
        while time.monotonic() < until:
            states = self.tab.page.evaluate(_CHOSEN, [kind, label])
            if not states or any(states):  # it may have gone with what it belonged to
                return
            self.tab.page.wait_for_timeout(200)
        raise AssertionError(self._told(f"a click on the {kind} {label!r} was swallowed"))

    def _still(self) -> bool:
        """The script has ended, and the address stays as it is for a moment."""
        before = self.tab.page.url
        if not before.startswith(self.tab.url):  # back beyond the first page: `_stay` returns
            return True
        states = []
        for _ in range(2):
            states.append(self.tab.page.evaluate("document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"))
            self.tab.page.wait_for_timeout(120)
        return states == ["notRunning"] * 2 and self.tab.page.url == before

    def _no_loop(self) -> None:
        for url, count in self.requests.items():
            assert count <= REPEATED, self._told(f"{url} was requested {count} times in one step")

    def _requested(self, request: Request) -> None:
        if request.url.startswith(self.tab.url) and "/_stcore/" not in urlsplit(request.url).path:
            self.requests[request.url] += 1

    def _answered(self, response: Response) -> None:
        # Streamlit looks for its own address below a deep link first.
        harmless = re.search(r"/[a-z]+/_stcore/(health|host-config)$", urlsplit(response.url).path)
        if response.url.startswith(self.tab.url) and response.status >= 400 and not harmless:
            self.complaints.append(f"{response.status} {response.url}")

    def _told(self, problem: str) -> str:
        steps = "\n".join(self.journal[-15:])
        return f"{problem}\nseed {self.seed}, page {self.page}, address {self.tab.page.url}\nthe last steps:\n{steps}"
