"""Nothing gets in: every request to a real server, Streamlit's own addresses and its websocket included, byte by byte."""

import json

import pytest

from dashboard.http.request_guard import host_name, is_allowed

SECRET = b"nobody may read this"
UPGRADE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
KINDS = (
    "thumb", "preview", "image", "about", "export", "damaged", "mean", "looked", "asked", "seen", "collected", "handed", "activity", "models",
    "openapi", "health", "host-config", "media", "component", "bidi-component", "upload", "page", "deep link",
)  # fmt: skip


def test_every_kind_of_address_is_tried(server):
    assert tuple(server.addresses()) == KINDS
    own = {kind: server.ask(path).status for kind, path in server.addresses().items()}
    for kind in (
        "thumb",
        "preview",
        "image",
        "about",
        "export",
        "damaged",
        "activity",
        "models",
        "openapi",
        "health",
        "host-config",
        "page",
    ):
        assert own[kind] == 200, (kind, own[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["rebound.example", "localhost.rebound.example:8501", "192.0.2.7", "0.0.0.0", "[::2]"])
def test_no_address_answers_to_a_name_that_was_given_to_this_computer(server, kind, host):
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT"):
        answer = server.ask(server.addresses()[kind], method=method, host=host)
        assert answer.status == 403
        assert answer.body == b"" or b"Host header" in answer.body


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((), "got 0"),
        (("Host: localhost", "Host: localhost"), "got 2"),
        (("Host: localhost", "Host: rebound.example"), "got 2"),
        (("Host: ",), "not a name"),
        (("Host: someone@localhost",), "not a name"),
        (("Host: rebound.example@localhost:8501",), "not a name"),
        (("Host: localhost/path",), "not a name"),
        (("Host: localhost:99999",), "not a name"),
        (("Host: localhost:port",), "not a name"),
        (("Host: localhost rebound.example",), "not a name"),
        (("Host: localhost, rebound.example",), "not a name"),
        (("Host: http://localhost",), "not a name"),
    ],
)
@pytest.mark.parametrize("kind", ["thumb", "about", "export", "models", "health", "upload", "page"])
def test_a_request_has_exactly_one_well_formed_host(server, kind, lines, sentence):
    answer = server.ask(server.addresses()[kind], *lines, host=None)
    assert answer.status == 400
    # What uvicorn's parser refuses by itself it refuses in words of its own.
    assert sentence in answer.body.decode() or answer.body == b"Invalid HTTP request received."


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ((), "localhost", 101),
        (("Origin: http://localhost:{port}",), "localhost:{port}", 101),
        (("Origin: http://127.0.0.1:{port}",), "127.0.0.1:{port}", 101),
        ((), "rebound.example", 403),
        (("Origin: http://rebound.example:{port}",), "rebound.example:{port}", 403),
        (("Origin: https://evil.example",), "localhost:{port}", 403),
        (("Origin: http://localhost:3000",), "localhost:{port}", 403),
        (("Origin: null",), "localhost:{port}", 403),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: websocket", "Sec-Fetch-Dest: websocket"), "localhost", 403),
        (("Host: localhost",), "localhost", 400),
        ((), "someone@localhost", 400),
        ((), None, 400),
    ],
)
def test_the_websocket_opens_for_pages_of_this_server_alone(server, headers, host, status):
    lines = [line.format(port=server.port) for line in (*UPGRADE, *headers)]
    head = ["GET /_stcore/stream HTTP/1.1", *([f"Host: {host}".format(port=server.port)] if host else []), *lines, "", ""]
    assert server.send("\r\n".join(head).encode()).status == status


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_keeps_other_sites_from_embedding_it_and_browsers_from_guessing(server, kind):
    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        headers = server.ask(server.addresses()[kind], method=method).headers
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


NAVIGATION = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


@pytest.mark.parametrize("kind", ["thumb", "about", "export", "handed", "health", "host-config", "media", "page"])
@pytest.mark.parametrize(
    ("headers", "method", "refused"),
    [
        (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), "GET", False),
        (("Sec-Fetch-Site: none", *NAVIGATION), "GET", False),
        (("Sec-Fetch-Site: cross-site", *NAVIGATION), "GET", False),
        (("Sec-Fetch-Site: same-site", *NAVIGATION), "GET", False),
        (("Sec-Fetch-Site: cross-site", *NAVIGATION), "POST", True),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), "GET", True),
        (("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), "GET", True),
        (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"), "GET", True),
        (("Sec-Fetch-Site: cross-site",), "GET", True),
        (("Origin: https://evil.example",), "GET", True),
        (("Origin: null",), "POST", True),
    ],
)
def test_a_page_of_another_site_can_lead_here_and_do_nothing_else(server, kind, headers, method, refused):
    assert (server.ask(server.addresses()[kind], *headers, method=method).status == 403) == refused


@pytest.mark.parametrize("path", ["/", "/thumb/scenes/1/x.jpg", "/api/models", "/_stcore/health"])
@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (b"X-Large: " + b"a" * (20 << 20) + b"\r\n", (0, 431)),
        (b"X: y\r\n" * 100_000, (0, 431)),
        (b"X-Large: " + b"a" * (65 << 10) + b"\r\n", (431,)),
        (b"X: y\r\n" * 101, (431,)),
        (b"X-Large: " + b"a" * (40 << 10) + b"\r\n", (200, 404)),
        (b"X: y\r\n" * 90, (200, 404)),
    ],
    ids=["20 MB", "100000 headers", "65 kB", "101 headers", "40 kB", "90 headers"],
)
def test_a_request_head_has_a_bound(server, path, head, statuses):
    # 0: the server closed the connection, and the answer was lost because there was more to send.
    answer = server.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode(), head, b"\r\n")
    assert answer.status in statuses
    assert server.ask("/_stcore/health").body == b"ok"


def test_a_head_without_an_end_is_not_collected(server):
    sent = []

    def endless():
        yield b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: "
        for _ in range(400):
            sent.append(1)
            yield b"a" * (1 << 20)

    assert server.send(*endless()).status in (0, 431)
    with open(f"/proc/{server.pid}/status") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    assert resident < 2 << 20  # kB


@pytest.mark.parametrize("place", ["address", "query"])
def test_an_address_has_a_bound(server, place):
    path = "/" + "a/" * 10_000 if place == "address" else "/export/scenes.csv?filter=" + "a" * 20_000
    assert server.ask(path).status == 414


@pytest.mark.parametrize("length", [250, 256, 300, 4000])
@pytest.mark.parametrize(
    "path",
    [
        "/thumb/{}/1/aa.jpg", "/thumb/scenes/1/{}.jpg", "/preview/{}/1/aa.jpg", "/image/{}/1/aa.jpg", "/about/{}/1", "/export/{}.csv",
        "/damaged/{}/1/aa/blur-1-64.jpg", "/damaged/scenes/1/aa/{}-1-64.jpg", "/mean/{}/x/0.jpg", "/handed/{}/onnx", "/handed/fast-1/{}",
        "/looked/{}/0123456789abcdef/0.jpg", "/looked/fast-1/{}/0.jpg", "/asked/{}/0.jpg", "/seen/{}/0.jpg", "/collected/{}/aa.jpg",
        "/collected/scenes/{}.jpg", "/media/{}.jpg", "/component/{}/x", "/api/{}",
    ],
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_not_there(server, path, length):
    for letter in ("a", "%C3%A9", "1"):
        assert server.ask(path.format(letter * length)).status in (404, 414), letter


def test_a_number_that_no_catalog_holds_is_not_there(server):
    for path in ("/thumb/scenes/{}/aa.jpg", "/about/scenes/{}", "/asked/0123456789abcdef/{}.jpg", "/mean/scenes/x/{}.jpg"):
        for number in ("9" * 19, "9" * 30, "9" * 250):
            assert server.ask(path.format(number)).status == 404


CLIMBS = (
    "..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "%252e%252e%252f", "..;", "....//", "%c0%ae%c0%ae", "%00", "..%00",
    "%uff0e%uff0e", "/etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd",
)  # fmt: skip


@pytest.mark.parametrize("climb", CLIMBS)
def test_no_address_leads_out_of_its_folder(server, climb):
    (server.home / "secret.txt").write_bytes(SECRET)
    (server.home / "data" / "secret.txt").write_bytes(SECRET)
    (server.home / "runs" / "secret.txt").write_bytes(SECRET)
    image, content = server.image
    ends = ("secret.txt", "dataset.json", "catalog.sqlite", "..%2fsecret.txt", "..%2f..%2fsecret.txt", "etc/passwd")
    starts = (
        "/thumb/", "/thumb/scenes/", f"/thumb/scenes/{image}/", "/preview/scenes/1/", f"/image/scenes/{image}/", "/about/", "/export/",
        "/damaged/scenes/1/", "/mean/scenes/", "/looked/", f"/looked/{server.run_id}/", "/handed/", f"/handed/{server.run_id}/", "/asked/",
        "/seen/", "/collected/scenes/", "/media/", "/component/", "/_stcore/bidi-components/", "/_stcore/upload_file/", "/static/",
        "/app/static/", "/", "/api/", "/vendor/",
    )  # fmt: skip
    for path in (f"{start}{climb}/{end}{suffix}" for start in starts for end in ends for suffix in ("", ".jpg", ".csv")):
        answer = server.ask(path)
        assert answer.status < 500, path
        assert not any(words in answer.body for words in (SECRET, b"root:", b'"source"', b"SQLite format", b"st.App(")), path


@pytest.mark.parametrize(
    "target", ["http://rebound.example/api/models", "http://rebound.example/about/scenes/1", "*", "//rebound.example/"]
)
def test_another_form_of_the_address_gives_nothing_away(server, target):
    assert server.ask(target, host="rebound.example").status in (400, 403)
    assert server.ask(target, method="OPTIONS").status < 500


def test_an_upload_of_a_stranger_is_not_taken(server):
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../secret.txt"\r\n\r\nhere\r\n--x--\r\n'
    form = "Content-Type: multipart/form-data; boundary=x"
    for path in (
        "/_stcore/upload_file/nobody/file",
        "/_stcore/upload_file/../../secret.txt",
        "/_stcore/upload_file/%2e%2e%2fx/y",
    ):
        assert 400 <= server.ask(path, form, method="PUT", body=body).status < 500
        assert server.ask(path, form, "Origin: https://evil.example", method="PUT", body=body).status == 403
    assert not list(server.home.rglob("here"))


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/api", 404, None),
        ("GET", "/api/", 404, None),
        ("GET", "/api/x", 404, None),
        ("POST", "/api/models/x", 404, None),
        ("GET", "/api/predict", 405, "OPTIONS, POST"),
        ("PATCH", "/api/predict", 405, "OPTIONS, POST"),
        ("DELETE", "/api/models", 405, "GET, HEAD, OPTIONS"),
        ("TRACE", "/api/openapi.json", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/api/predict", 204, "OPTIONS, POST"),
        ("OPTIONS", "/api/models", 204, "GET, HEAD, OPTIONS"),
        ("HEAD", "/api/models", 200, None),
    ],
)
def test_below_api_there_is_json_and_never_a_page(server, method, path, status, allow):
    answer = server.ask(path, method=method)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    if status != 204:
        assert answer.headers["content-type"] == "application/json"
    if status in (404, 405):
        assert set(json.loads(answer.body)) == {"error", "hint"}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/thumb/scenes/one/x.jpg", 404, None),
        ("GET", "/about", 404, None),
        ("GET", "/handed/fast-1", 404, None),
        ("POST", "/about/scenes/1", 405, "GET, HEAD, OPTIONS"),
        ("DELETE", "/export/scenes.csv", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/export/scenes.csv", 204, "GET, HEAD, OPTIONS"),
    ],
)
def test_below_the_other_addresses_there_is_no_page_either(server, method, path, status, allow):
    answer = server.ask(path, method=method)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert b"<html" not in answer.body


@pytest.mark.parametrize("page", ["explore", "evaluate", "some/where/else"])
@pytest.mark.parametrize("name", ["health", "host-config"])
def test_below_a_page_the_server_is_said_to_be_elsewhere(server, page, name):
    """Streamlit's page looks there first. A success would give it a wrong address, a 404 an error in the console."""
    answer = server.ask(f"/{page}/_stcore/{name}")
    assert answer.status == 300
    assert "location" not in answer.headers
    assert json.loads(answer.body) == {"see": f"/_stcore/{name}"}


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"), ("LOCALHOST:8501", "localhost"), ("localhost.", "localhost"), ("[::1]:8501", "::1"),
        ("127.0.0.1:1", "127.0.0.1"), ("a b", None), ("", None), (":80", None), ("[::1", None), ("x@y", None), ("a:65536", None),
        ("a:1:2", None), ("münchen", None), ("[]", None), (".", None),
    ],
)  # fmt: skip
def test_the_name_in_a_host(host, name):
    assert host_name(host) == name


def test_hosts_are_allowed_as_streamlit_allows_them():
    allowed = ["localhost", "[::1]", "*.example.org", "Box.Example."]
    for name in ("localhost", "::1", "a.example.org", "a.b.example.org", "box.example"):
        assert is_allowed(name, allowed)
    for name in ("example.org", "badexample.org", "localhost.evil", "box.example.evil"):
        assert not is_allowed(name, allowed)
    assert is_allowed("any.name", [])
    assert is_allowed("any.name", ["*"])
