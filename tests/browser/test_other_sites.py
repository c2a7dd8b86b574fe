"""A page of another site in a real browser: it can lead here, and it gets nothing."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><title>another site</title><a href="{url}/explore">open it</a><script>
const tried = {{}}
const image = (name, src) => new Promise(done => {{
    const img = new Image()
    img.onload = () => done(tried[name] = 'got it')
    img.onerror = () => done(tried[name] = 'nothing')
    img.src = src
}})
const fetched = (name, src, how) => fetch(src, how).then(
    async answer => tried[name] = answer.type === 'opaque' ? 'nothing' : await answer.text(),
    () => tried[name] = 'nothing')
const socket = src => new Promise(done => {{
    const one = new WebSocket(src, ['streamlit'])
    one.onopen = () => done(tried.socket = 'got it')
    one.onerror = () => done(tried.socket = 'nothing')
}})
const frame = src => new Promise(done => {{
    const one = document.createElement('iframe')
    one.onload = () => done(tried.frames = window.frames[0].length + '')
    one.src = src
    document.body.append(one)
}})
window.onload = () => Promise.all([
    image('picture', '{url}/thumb/demo/1/now.jpg'), fetched('about', '{url}/about/demo/1'), fetched('health', '{url}/_stcore/health'),
    fetched('export', '{url}/export/demo.csv'), fetched('models', '{url}/api/models', {{mode: 'no-cors'}}),
    socket('{url}/_stcore/stream'.replace('http', 'ws')), frame('{url}/explore'),
]).then(() => window.finished = tried)
</script><body></body>"""


@pytest.fixture
def other_site(server) -> Iterator[str]:
    """The address of a server of somebody else on this computer: another port is another origin of the same site."""
    content = PAGE.format(url=server.url.replace("127.0.0.1", "localhost")).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield str(site.server_port)
        site.shutdown()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_page_of_another_site_gets_nothing_and_may_lead_here(server, trained, browser, other_site, name):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://{name}:{other_site}/")
    tried = page.wait_for_function("window.finished").json_value()
    assert tried == {
        "picture": "nothing", "about": "nothing", "health": "nothing", "export": "nothing", "models": "nothing",
        "socket": "nothing", "frames": "0",
    }, json.dumps(tried)  # fmt: skip
    page.get_by_role("link", name="open it").click()
    expect(page.locator("h1")).to_have_text("What is in the data?", timeout=60_000)
    context.close()


def test_a_page_that_is_opened_by_its_address_asks_for_nothing_that_is_not_there(server, trained, open_tab):
    tab = open_tab()
    answers = []
    tab.page.on("response", lambda response: answers.append((response.status, response.url)))
    for page in ("explore", "predict"):
        tab.open(page, "?dataset=demo")
    assert [answer for answer in answers if answer[0] >= 400] == []
    assert {status for status, url in answers if url.endswith(("/explore/_stcore/health", "/predict/_stcore/health"))} == {300}
