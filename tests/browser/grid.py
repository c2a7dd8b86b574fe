"""The grid of pictures alone on a page, without a server, for the tests that press, click and drag in it."""

from playwright.sync_api import Page

from dashboard.components import gallery
from dashboard.components.gallery import Tile

SITE = "http://gallery.test/"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="150" height="100"><rect width="150" height="100" fill="teal"/></svg>'
PAGE = """<!doctype html><meta name=viewport content="width=device-width">
<body style="margin:20px"><div id=host style="width:860px;max-width:100%"></div><div style="height:2000px"></div>"""
MOUNT = """async ([html, css, js]) => {
  const root = document.querySelector("#host").attachShadow({mode: "open"})
  root.innerHTML = `<div><div>${html}</div><style>${css}</style></div>`
  const module = await import(URL.createObjectURL(new Blob([js], {type: "text/javascript"})))
  const tell = name => (key, value) => window.reports.push([name, key, value])
  window.reports = []
  window.draw = data => module.default({data, parentElement: root, setStateValue: tell("state")})
}"""
FOCUSED = "document.querySelector('#host').shadowRoot.activeElement?.dataset.id ?? null"


class Grid:
    """The component on a page of its own; `draw` is a rerun, `reports` what it told the server."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tiles = page.locator(".tile")

    def draw(self, count: int = 12, tiles: list[Tile] | None = None, revision: int = 0, **data: object) -> "Grid":
        tiles = tiles or [
            Tile(id=i, src=f"/{i}.svg", caption=f"picture {i}", facts={"Size": "150 × 100 px"}) for i in range(count)
        ]
        plain = {
            "size": "M",
            "select": "many",
            "selected": [],
            "elsewhere": 0,
            "key": "grid",
            "revisions": {"opened": 0, "selected": revision},
            "current": None,
            "label": "all",
            "empty": "",
        }
        self.page.evaluate("data => draw(data)", {"items": [gallery._item(tile) for tile in tiles], **plain, **data})
        return self

    @property
    def opened(self) -> list[int]:
        return [report["value"] for report in self._reported("opened")]

    @property
    def reports(self) -> list[dict]:
        """What was reported as selected, each time it changed."""
        return [report["value"] | {"revision": report["revision"]} for report in self._reported("selected")]

    def _reported(self, name: str) -> list[dict]:
        """The last report of each message under this name."""
        return [reports[-1] for _, key, reports in self.page.evaluate("window.reports") if key == name]

    @property
    def selected(self) -> list[int]:
        """What the page shows as selected."""
        chosen = "tiles => tiles.filter(t => t.getAttribute('aria-selected') === 'true').map(t => Number(t.dataset.id))"
        return self.tiles.evaluate_all(chosen)

    @property
    def focused(self) -> int | None:
        result = self.page.evaluate(FOCUSED)
        return None if result is None else int(result)

    def tile(self, identity: int):
        return self.page.locator(f".tile[data-id='{identity}']")

    def press(self, *keys: str) -> "Grid":
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def centre(self, identity: int) -> tuple[float, float]:
        box = self.tile(identity).locator(".photo").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def mount_grid(page: Page) -> Grid:
    """The component, alone on this page."""
    page.route(f"{SITE}**", answer)
    page.goto(SITE)
    page.evaluate(MOUNT, [gallery._HTML, gallery._CSS, gallery._JS])
    return Grid(page)


def answer(route) -> None:
    path = route.request.url.removeprefix(SITE)
    if path.startswith("gone"):
        route.fulfill(status=404, content_type="text/plain", body="The file is gone")
    elif path.startswith("words"):
        route.fulfill(status=404, body="Changed since the scan", headers={"Content-Location": "/none.jpg"})
    elif path.startswith("none"):
        route.fulfill(status=404, body="Not an image")
    elif path.startswith("same"):
        route.fulfill(status=404, body="Stands elsewhere", headers={"Content-Location": "/same.jpg"})
    elif path.startswith("slow"):
        return  # for ever
    elif path.startswith("old"):
        route.fulfill(status=404, body="Changed since the scan", headers={"Content-Location": "/now.svg"})
    elif path.endswith(".svg"):
        route.fulfill(content_type="image/svg+xml", body=PICTURE)
    else:
        route.fulfill(content_type="text/html", body=PAGE)
