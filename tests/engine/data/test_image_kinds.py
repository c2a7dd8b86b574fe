"""Rare kinds of images: deep greys, colour keys, rotated TIFFs, JPEGs without an end or of other kinds, very large ones."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.data import jpeg_headers
from engine.data.decoding import ImageError, inspect, load_square, open_image
from engine.data.thumbnails import load_file_thumbnail


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def noise(width=96, height=64, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height)).convert(mode)


def greys(values, format="TIFF", **options):
    """The grey values that are seen of deep ones, as a list."""
    return np.asarray(open_image(encoded(Image.fromarray(np.array([values])), format, **options)))[0, :, 0].tolist()


def floats(*values):
    return np.array(values, np.float32)


def test_pixels_without_a_value_are_white_and_the_others_are_as_without_them():
    assert greys(floats(0, 0.5, 1, np.nan)) == [0, 128, 255, 255]
    assert greys(floats(0, 0.5, np.inf, -np.inf)) == [0, 128, 255, 0]
    assert greys(floats(-5, 0, 5, np.nan)) == [0, 128, 255, 255]


@pytest.mark.parametrize("no_value", [-9999, -32768, 3.4028235e38, -3.4028235e38])
def test_a_value_that_stands_for_none_does_not_set_the_scale(no_value):
    assert greys(floats(no_value, 0, 0.5, 1)) == [255, 0, 128, 255]
    assert greys(floats(no_value, 200, 300, 400)) == [255, 0, 128, 255]


def test_the_value_that_the_file_names_stands_for_none():
    assert greys(floats(-7, 0, 0.5, 1), tiffinfo={42113: "-7"}) == [255, 0, 128, 255]
    assert greys(np.array([5, 0, 65535], np.uint16), "PNG", transparency=5) == [255, 0, 255]


def test_values_all_around_it_make_it_a_value():
    assert greys(floats(-9999, -5000, 0, 9999)) == [0, 64, 128, 255]


def test_a_picture_without_any_value_is_not_read():
    with pytest.raises(ImageError, match="no pixel has a value"):
        open_image(encoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_bits_that_a_camera_does_not_fill_are_not_counted(bits):
    full = 2**bits - 1
    values = np.array([[0, full // 2, full]], np.uint16)
    for format in ("PNG", "TIFF"):
        assert greys(values[0], format) == [0, 127, 255]


def test_floats_of_the_usual_scales_are_not_stretched():
    assert greys(floats(0.2, 0.4, 0.6)) == [51, 102, 153]
    assert greys(floats(51, 102, 153)) == [51, 102, 153]
    assert greys(floats(2000, 3000, 4000)) == [0, 128, 255]


def test_a_deep_picture_is_turned_and_reduced_like_any_other(monkeypatch):
    values = np.zeros((40, 60), np.uint16)
    values[:, 30:] = 65535
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(values), "PNG", exif=exif)
    for large in (10**9, 100):
        monkeypatch.setattr("engine.data.decoding._LARGE", large)
        seen = np.asarray(open_image(content, min_size=5))[..., 0]
        assert seen.shape[0] > seen.shape[1]
        assert (seen[0].max(), seen[-1].min()) == (0, 255)
        assert inspect(content)[:2] == (40, 60)


@pytest.mark.parametrize("large", [10**9, 100], ids=["plain", "reduced"])
def test_a_colour_key_lies_on_white_like_alpha(monkeypatch, large):
    monkeypatch.setattr("engine.data.decoding._LARGE", large)
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20], pixels[20:] = (255, 0, 255), (0, 90, 0)
    alpha = np.full((40, 40, 1), 255, np.uint8)
    alpha[:20] = 0
    key = encoded(Image.fromarray(pixels), "PNG", transparency=(255, 0, 255))
    seen = open_image(key, min_size=5)
    assert [seen.getpixel((0, 0)), seen.getpixel((0, seen.height - 1))] == [(255, 255, 255), (0, 90, 0)]
    assert inspect(key) == inspect(encoded(Image.fromarray(np.concatenate([pixels, alpha], axis=2)), "PNG"))


def test_a_colour_key_of_sixteen_bits_is_no_obstacle():
    rows = zlib.compress(b"\0" + struct.pack(">6H", 65535, 0, 65535, 0, 40000, 0))
    parts = (
        b"IHDR" + struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0),
        b"tRNS" + struct.pack(">3H", 65535, 0, 65535),
        b"IDAT" + rows,
    )
    chunks = b"".join(struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in (*parts, b"IEND"))
    assert open_image(b"\x89PNG\r\n\x1a\n" + chunks).getpixel((1, 0)) == (0, 156, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["TIFF", "JPEG", "PNG", "WEBP"])
def test_the_size_is_that_of_the_picture_as_it_is_seen(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(noise(), format, exif=exif)
    assert inspect(content)[:2] == open_image(content).size == ((64, 96) if orientation > 4 else (96, 64))


WHOLE = {
    "baseline": encoded(noise(), "JPEG", quality=95),
    "progressive": encoded(noise(), "JPEG", quality=95, progressive=True),
    "grey": encoded(noise(mode="L"), "JPEG"),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_mark_is_whole_and_says_so(kind, missing):
    content = WHOLE[kind]
    short = content[:-missing]
    assert np.array_equal(open_image(short), open_image(content))
    assert np.array_equal(load_square(short, 16), load_square(content, 16))
    assert inspect(short) == inspect(content)._replace(reason="its last bytes are missing, but no pixels")


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.98])
def test_a_jpeg_that_was_cut_off_is_damaged_in_words_of_ours(kind, share):
    content = WHOLE[kind]
    for read in (open_image, inspect, lambda cut: load_square(cut, 16)):
        with pytest.raises(ImageError, match=r"^damaged image \(the file ends before the image does\)$"):
            read(content[: int(len(content) * share)])


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF"])
def test_no_words_of_a_library_are_shown(format):
    content = encoded(noise(), format)
    for share in (0.2, 0.5, 0.9):
        try:
            open_image(content[: int(len(content) * share)])
        except ImageError as error:
            assert str(error) in (
                "damaged image (the file ends before the image does)", "damaged image (its content cannot be decoded)",
                "not an image, despite its name", f"damaged image, or a kind of {format} that is not supported",
            )  # fmt: skip


def with_frame(content, mark=None, bits=None, size=None):
    """The JPEG with another kind of frame, number of bits or size in its header."""
    changed = bytearray(content)
    place = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    changed[place + 1] = mark or changed[place + 1]
    changed[place + 4] = bits or changed[place + 4]
    changed[place + 5 : place + 9] = struct.pack(">HH", *size[::-1]) if size else changed[place + 5 : place + 9]
    return bytes(changed)


def test_kinds_of_jpeg_that_are_not_read_are_not_called_damaged():
    with pytest.raises(ImageError, match="^not supported: a JPEG with 12 bits per sample$"):
        inspect(with_frame(WHOLE["baseline"], bits=12))
    for mark in (0xC3, 0xF7):
        with pytest.raises(ImageError, match="^not supported: a lossless JPEG$"):
            open_image(with_frame(WHOLE["baseline"], mark=mark))


def test_a_photo_of_108_megapixels_is_read_at_an_eighth(tmp_path):
    grey = Image.new("L", (12000, 9000), 90)
    grey.paste(200, (6000, 0, 12000, 9000))
    content = encoded(grey, "JPEG", quality=60)
    assert open_image(content).size == (1500, 1125)
    assert inspect(content)[:2] == (12000, 9000)
    square = load_square(content, 64)
    assert np.abs(square[32, [5, 60], 0].astype(int) - [90, 200]).max() <= 2
    (tmp_path / "phone.jpg").write_bytes(content)
    assert Image.open(io.BytesIO(load_file_thumbnail(tmp_path / "phone.jpg"))).size == (320, 240)


def test_a_large_picture_that_would_be_held_whole_is_refused_before_it_is_decoded():
    sizes = {"progressive": (14000, 15000), "baseline": (30000, 30000)}
    for kind, (width, height) in sizes.items():
        with pytest.raises(ImageError, match=f"too large: {width} x {height} pixels, the limit is 100 megapixels"):
            open_image(with_frame(WHOLE[kind], size=(width, height)))
    assert jpeg_headers.read_frame(WHOLE["progressive"]).held_bytes == 2 * 96 * 64 * 1.5
    assert jpeg_headers.read_frame(WHOLE["baseline"]).held_bytes == 0
