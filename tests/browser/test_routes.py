"""The picture routes: content-addressed, cached for ever, and nothing outside the catalog is served."""

import sqlite3
import urllib.error
import urllib.request
from contextlib import closing

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def image(server, trained) -> tuple[int, str]:
    """Id and hash of an image of the demo dataset."""
    with closing(sqlite3.connect(server.home / "data" / "demo" / "catalog.sqlite")) as connection:
        return connection.execute("SELECT id, hash FROM images WHERE state = 'ok' LIMIT 1").fetchone()


def fetch(url: str) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers.items())
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers.items())


@pytest.mark.parametrize("kind", ["thumb", "image"])
def test_a_picture_is_a_jpeg_that_is_cached_for_ever(server, image, kind):
    status, content, headers = fetch(f"{server.url}/{kind}/demo/{image[0]}/{image[1]}.jpg")
    assert status == 200
    assert content.startswith(b"\xff\xd8\xff")
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["content-type"] == "image/jpeg"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "thumb/demo/{id}/{wrong}.jpg", "image/demo/{id}/{wrong}.jpg", "thumb/demo/999999/{hash}.jpg", "thumb/nope/{id}/{hash}.jpg",
        "thumb/demo/99999999999999999999999999/{hash}.jpg", "thumb/..%2Fdemo/{id}/{hash}.jpg", "thumb/%2e%2e/{id}/{hash}.jpg",
        "thumb/DEMO/{id}/{hash}.jpg", "image/demo/{id}/..%2f..%2f..%2fdataset.jpg", "image/demo/{id}/%2e%2e%2fcatalog.sqlite.jpg",
    ],
)  # fmt: skip
def test_what_the_catalog_does_not_know_is_not_there(server, image, path):
    identity, content = image
    status, body, _ = fetch(f"{server.url}/{path.format(id=identity, hash=content, wrong='0' * len(content))}")
    assert status in (400, 404)  # 400: Streamlit turns encoded traversal away before any route
    assert not body.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "path",
    [
        "thumb/demo/1/../../../../dataset.json", "image/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "image/demo/1/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "data/demo/dataset.json", "static/..%2f..%2fdata%2fdemo%2fdataset.json", "app/static/..%2fstreamlit_app.py",
        "media/..%2f..%2fdata%2fdemo%2fdataset.json", "thumb//etc/passwd",
    ],
)  # fmt: skip
def test_nothing_outside_is_served(server, image, path):
    _, body, _ = fetch(f"{server.url}/{path}")
    assert b"root:" not in body
    assert b'"source"' not in body
    assert b"st.App(" not in body


def test_a_page_of_another_site_is_turned_away(server):
    request = urllib.request.Request(f"{server.url}/_stcore/host-config", headers={"Origin": "http://evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 403
    assert refused.value.headers.get("Access-Control-Allow-Origin") is None
