"""Thumbnails: the image that a person would see, whatever the file; computed once, cached within a limit."""

import hashlib
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.core.disk_cache import DiskCache, SingleFlight
from engine.core.paths import cache_dir
from engine.data import thumbnails
from engine.data.catalog import Row
from engine.data.decoding import ImageError
from engine.data.thumbnails import ChangedError, load_thumbnail, render_current

# Broad fields of colour: what differs by a quarter of a pixel at their borders is no error of colour.
FIELDS = np.array([[(200, 40, 30), (30, 150, 60), (20, 60, 190)], [(240, 220, 90), (128, 128, 128), (15, 15, 15)]], np.uint8)
CENTRES = [(x, y) for y in (100, 300) for x in (100, 300, 500)]


def fields(tile=200):
    """600 x 400: six fields of colour, no two the same, so that a turned picture is told."""
    return Image.fromarray(FIELDS.repeat(tile, 0).repeat(tile, 1))


def write(path, image, format="JPEG", **options):
    image.save(path, format, **options)
    return row_of(path)


def row_of(path):
    content, status = path.read_bytes(), path.stat()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return Row(1, path.name, None, None, "train", "sea", 600, 400, status.st_size, status.st_mtime_ns, digest, "ok", "")


def seen(content):
    return Image.open(io.BytesIO(content))


def colours(image):
    scale = image.width / 600
    return np.array([image.getpixel((round(x * scale), round(y * scale))) for x, y in CENTRES], int)


PLAIN = FIELDS.reshape(-1, 3).astype(int)


def adobe_rgb():
    """A profile whose primaries are not sRGB's: an sRGB one with red and green moved, as any wide-gamut one has them."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name in (b"desc",):
        at = profile.index(name) + 4
        offset = int.from_bytes(profile[at : at + 4], "big")
        size = int.from_bytes(profile[at + 4 : at + 8], "big")
        profile[offset + 8 : offset + size] = (
            profile[offset + 8 : offset + size].replace(b"s\0R\0G\0B", b"w\0i\0d\0e").replace(b"sRGB", b"wide")
        )
    swap = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    places = [bytes(profile[at + 4 : at + 12]) for at in swap]
    for at, place in zip(swap, reversed(places), strict=True):
        profile[at + 4 : at + 12] = place
    return bytes(profile)


def kinds(path):
    """Each kind of picture that shows the six fields, and how far its colours may be off."""
    plain = fields()
    exif = Image.Exif()
    exif[0x0112] = 6
    opaque = plain.convert("RGBA")
    deep = np.asarray(plain.convert("L")).astype(np.uint16) * 257
    grey = np.asarray(plain.convert("L").convert("RGB"))
    swapped = Image.merge("RGB", [plain.getchannel(c) for c in ("G", "R", "B")])
    frames = [plain.quantize(64), Image.new("RGB", plain.size, "white").quantize(64)]
    return {
        "jpeg": (write(path / "a.jpg", plain, quality=95), plain, 8),
        "turned": (write(path / "b.jpg", plain.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95), plain, 8),
        "cmyk, inverted as Adobe does": (write(path / "c.jpg", plain.convert("CMYK"), quality=95), plain, 8),
        "cmyk tiff": (write(path / "c.tif", plain.convert("CMYK"), "TIFF"), plain, 8),
        "grey of 16 bits": (write(path / "d.png", Image.fromarray(deep), "PNG"), Image.fromarray(grey), 8),
        "grey": (write(path / "e.jpg", plain.convert("L"), quality=95), Image.fromarray(grey), 8),
        "palette": (write(path / "f.png", plain.quantize(64), "PNG"), plain, 12),
        "opaque alpha": (write(path / "g.png", opaque, "PNG"), plain, 8),
        "animation": (write(path / "h.gif", frames[0], "GIF", save_all=True, append_images=frames[1:]), plain, 12),
        "webp": (write(path / "i.webp", plain, "WEBP", quality=95), plain, 12),
        "profile with red and green exchanged": (write(path / "j.jpg", swapped, quality=95, icc_profile=adobe_rgb()), plain, 12),
        "profile in a png with alpha": (
            write(path / "k.png", swapped.convert("RGBA"), "PNG", icc_profile=adobe_rgb()),
            plain,
            12,
        ),
        "profile of sRGB": (write(path / "l.jpg", plain, quality=95, icc_profile=srgb()), plain, 8),
        "damaged profile": (write(path / "m.jpg", plain, quality=95, icc_profile=b"no profile at all"), plain, 8),
    }


def srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_every_kind_of_picture_looks_like_its_plain_twin(tmp_path):
    for name, (row, twin, tolerance) in kinds(tmp_path).items():
        image = seen(load_thumbnail(row, tmp_path))
        assert (image.format, image.mode in ("RGB", "L"), image.size) == ("JPEG", True, (320, 213)), name
        difference = np.abs(colours(image.convert("RGB")) - colours(twin))
        assert difference.max() <= tolerance, (name, difference.tolist())


def test_what_is_transparent_lies_on_white(tmp_path):
    image = fields().convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, 200, 200))
    assert seen(load_thumbnail(write(tmp_path / "a.png", image, "PNG"), tmp_path)).getpixel((50, 50)) == (255, 255, 255)


def test_a_small_upright_jpeg_is_sent_as_it_is(tmp_path):
    row = write(tmp_path / "a.jpg", fields(50), quality=90)
    assert load_thumbnail(row, tmp_path) == (tmp_path / "a.jpg").read_bytes()
    assert not list(cache_dir("thumbnails").rglob("*.jpg"))


def test_a_small_picture_that_is_turned_or_no_jpeg_is_made_but_not_enlarged(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = write(tmp_path / "a.jpg", fields(50), exif=exif)
    assert seen(load_thumbnail(turned, tmp_path)).size == (100, 150)
    assert seen(load_thumbnail(write(tmp_path / "a.png", fields(50), "PNG"), tmp_path)).size == (150, 100)


def test_a_picture_is_made_once_however_many_ask_at_once(tmp_path, monkeypatch):
    row = write(tmp_path / "a.png", fields(), "PNG")
    made, together = [], threading.Barrier(8)
    original = thumbnails._make

    def count(content, longest):
        made.append(longest)
        return original(content, longest)

    def ask(_):
        together.wait()
        return load_thumbnail(row, tmp_path)

    monkeypatch.setattr(thumbnails, "_make", count)
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(8)))
    assert len(answers) == 1
    assert made == [320]
    assert load_thumbnail(row, tmp_path) in answers
    assert made == [320], "and it is kept"


def test_one_failure_reaches_all_who_ask_and_the_next_tries_again():
    once, begun, second_call = SingleFlight(), threading.Event(), threading.Event()

    def fail():
        begun.set()
        second_call.wait(10)
        raise ValueError("no")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(once, "key", fail)
        begun.wait(10)
        second = pool.submit(once, "key", lambda: "not called while the first runs")
        threading.Timer(0.05, second_call.set).start()
        assert [str(waiting.exception(10)) for waiting in (first, second)] == ["no", "no"]
    assert once("key", lambda: "yes") == "yes"


def test_the_folder_keeps_to_its_limit_and_the_least_recently_used_go(tmp_path):
    cache = DiskCache(tmp_path / "cache", limit=100_000)
    for number in range(60):
        cache.put(f"{number:02d}", bytes(5_000))
        file = tmp_path / "cache" / f"{number:02d}" / f"{number:02d}"
        if file.exists():  # in the order of their making, whatever the clock's grain
            os.utime(file, (1_000 + number, 1_000))
        assert cache.get("00") is not None, "what is looked at stays"
        cache.wait()
        assert held(tmp_path / "cache") <= 100_000
    assert cache.get("59") is not None
    assert cache.get("05") is None


def held(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_what_an_earlier_process_left_counts(tmp_path):
    for number in range(60):
        DiskCache(tmp_path, 10**6).put(f"{number:02d}", bytes(5_000))
    later = DiskCache(tmp_path, 100_000)
    later.put("new", b"picture")
    later.wait()
    assert held(tmp_path) <= 100_000
    assert later.get("new") == b"picture"


def test_the_limit_can_be_set(monkeypatch):
    assert thumbnails._cache().limit == 2**30
    monkeypatch.setenv("SCENESCOPE_THUMBNAILS_MB", "5")
    assert thumbnails._cache().limit == 5 * 2**20
    monkeypatch.setenv("SCENESCOPE_THUMBNAILS_MB", "much")
    assert thumbnails._cache().limit == 2**30


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_file_that_was_deleted_is_told_apart_although_its_picture_is_kept(tmp_path, looked_at):
    row = write(tmp_path / "a.png", fields(), "PNG")
    if looked_at:
        load_thumbnail(row, tmp_path)
    (tmp_path / "a.png").unlink()
    for ask in (load_thumbnail, render_current):
        with pytest.raises(ImageError, match="the file is gone"):
            ask(row, tmp_path)


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_file_that_was_rewritten_is_told_apart_and_what_is_there_now_can_be_seen(tmp_path, looked_at):
    row = write(tmp_path / "a.png", fields(), "PNG")
    if looked_at:
        load_thumbnail(row, tmp_path)
    write(tmp_path / "a.png", Image.new("RGB", (600, 400), (10, 200, 10)), "PNG")
    with pytest.raises(ChangedError, match="changed since the scan"):
        load_thumbnail(row, tmp_path)
    assert np.abs(np.subtract(seen(render_current(row, tmp_path)).getpixel((100, 100)), (10, 200, 10))).max() <= 8


def test_a_file_that_was_only_touched_is_the_same_picture(tmp_path):
    row = write(tmp_path / "a.png", fields(), "PNG")
    before = load_thumbnail(row, tmp_path)
    os.utime(tmp_path / "a.png", (1, 1))
    assert load_thumbnail(row, tmp_path) == before


def test_a_rewritten_file_that_is_no_picture_says_why(tmp_path):
    row = write(tmp_path / "a.png", fields(), "PNG")
    (tmp_path / "a.png").write_text("These are words.")
    with pytest.raises(ImageError, match="not an image"):
        render_current(row, tmp_path)


def test_a_picture_is_given_although_the_disk_takes_nothing(tmp_path, monkeypatch):
    row = write(tmp_path / "a.png", fields(), "PNG")
    blocked = cache_dir("thumbnails").parent
    blocked.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(thumbnails, "cache_dir", lambda kind: blocked / "file")
    (blocked / "file").write_text("in the way of a folder")
    assert seen(load_thumbnail(row, tmp_path)).size == (320, 213)
