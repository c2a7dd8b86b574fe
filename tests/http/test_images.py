"""The picture routes: what a file holds, or the reason why it is not shown."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.app.image_urls import image_url, preview_url, thumbnail_url
from dashboard.http.routes import ROUTES
from engine.data import datasets

URLS = {"thumb": thumbnail_url, "preview": preview_url, "image": image_url}


@pytest.fixture
def client():
    return TestClient(Starlette(routes=ROUTES))


@pytest.fixture
def photos(home, tmp_path):
    """A dataset of two classes whose first image, a photo of 1,000 x 500, is green."""
    for name, colour in (("forest", (20, 160, 20)), ("sea", (20, 20, 200))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            size = (1000, 500) if (name, number) == ("forest", 0) else (40 + number, 40)
            Image.new("RGB", size, colour).save(tmp_path / "photos" / name / f"{number}.png")
    return datasets.add_dataset(str(tmp_path / "photos"))[0]


@pytest.fixture
def row(photos):
    return next(row for row in photos.catalog.page(size=100) if row.width == 1000)


def colour(answer):
    return Image.open(io.BytesIO(answer.content)).getpixel((5, 5))


@pytest.mark.parametrize(("kind", "width"), [("thumb", 320), ("preview", 800), ("image", 1000)])
def test_each_route_has_its_size_and_never_enlarges(client, photos, row, kind, width):
    answer = client.get(URLS[kind]("photos", row.id, row.hash))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(answer.content)).size == (width, width // 2)


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_deleted_file_is_answered_with_the_reason(client, photos, row, looked_at):
    url = thumbnail_url("photos", row.id, row.hash)
    if looked_at:
        assert client.get(url).status_code == 200
    row.file(photos.root).unlink()
    answer = client.get(url)
    assert (answer.status_code, answer.text) == (404, "The file is gone")
    assert answer.headers["cache-control"] == "no-store"
    assert "content-location" not in answer.headers


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_rewritten_file_says_so_and_its_present_picture_has_an_address(client, photos, row, looked_at):
    url = thumbnail_url("photos", row.id, row.hash)
    if looked_at:
        assert client.get(url).status_code == 200
    Image.new("RGB", (600, 300), (200, 30, 30)).save(row.file(photos.root))
    answer = client.get(url)
    assert (answer.status_code, answer.text) == (404, "Changed since the scan")
    now = client.get(answer.headers["content-location"])
    assert now.status_code == 200
    assert now.headers["cache-control"] == "no-store"
    assert np.abs(np.subtract(colour(now), (200, 30, 30))).max() < 8
    datasets.add_dataset(str(photos.root))
    again = photos.catalog.get(row.id)
    assert again.hash != row.hash
    assert client.get(thumbnail_url("photos", row.id, again.hash)).status_code == 200
    answer = client.get(url)
    assert (answer.status_code, answer.text) == (404, "The image was replaced by another"), (
        "a run's table names the content that it saw"
    )
    assert client.get(answer.headers["content-location"]).status_code == 200


def test_a_file_that_became_a_folder_or_a_text_says_so(client, photos, row):
    file = row.file(photos.root)
    file.write_text("These are words.")
    answer = client.get(thumbnail_url("photos", row.id, row.hash))
    assert client.get(answer.headers["content-location"]).text == "Not an image, despite its name"
    file.unlink()
    file.mkdir()
    answer = client.get(thumbnail_url("photos", row.id, row.hash))
    assert answer.status_code == 404
    assert answer.text == "Not a regular file (a folder, pipe, socket or device)"


def test_a_path_never_comes_from_the_url(client, photos, row):
    secret = photos.root.parent / "secret.png"
    Image.new("RGB", (30, 30)).save(secret)
    for path in ("../secret.png", "%2e%2e%2fsecret.png", "/etc/passwd", "now.jpg/../../../secret.png"):
        assert client.get(f"/thumb/photos/{row.id}/{path}").status_code == 404
    for url in (
        thumbnail_url("photos", row.id, "0" * 32), thumbnail_url("photos", 10**30, row.hash), thumbnail_url("photos", 999, "now"),
        thumbnail_url("nope", row.id, row.hash), thumbnail_url("..", row.id, row.hash), thumbnail_url("photos", row.id, None),
    ):  # fmt: skip
        answer = client.get(url)
        assert answer.status_code == 404
        assert not answer.content.startswith(b"\xff\xd8")


def test_an_image_without_a_readable_content_has_no_picture(client, photos, row):
    broken = photos.root / "sea" / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    datasets.add_dataset(str(photos.root))
    result = photos.catalog.problems()
    for url in (
        thumbnail_url("photos", int(result["id"].iloc[0]), None),
        thumbnail_url("photos", int(result["id"].iloc[0]), "now"),
    ):
        assert client.get(url).text == "There is no such image."
