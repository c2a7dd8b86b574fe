"""Every image file is decoded to the image that a person would see; any other file is refused with the reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.data.decoding import ImageError, NotAnImage, crop_square, inspect, load_square, open_image


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


@pytest.fixture
def halves():
    """30 wide, 20 high: the left half red, the right half blue."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :15], pixels[:, 15:] = (200, 0, 0), (0, 0, 200)
    return Image.fromarray(pixels)


def is_close(pixel, expected, tolerance=12):
    return np.abs(np.subtract(pixel, expected)).max() <= tolerance


# What each EXIF orientation does to the stored pixels, as numpy says it.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_exif_orientation_comes_out_upright(orientation):
    stored = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(stored), "PNG", exif=exif)
    seen = np.asarray(open_image(content))
    assert np.array_equal(seen, UPRIGHT[orientation](stored))
    assert inspect(content)[:2] == (seen.shape[1], seen.shape[0])


def test_an_upright_phone_photo_has_its_dimensions_swapped_and_its_top_on_top(halves):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(halves, "JPEG", quality=95, exif=exif)
    image = open_image(content)
    assert image.size == (20, 30) == inspect(content)[:2]
    assert is_close(image.getpixel((10, 3)), (200, 0, 0))
    assert is_close(image.getpixel((10, 27)), (0, 0, 200))


def test_transparent_pixels_lie_on_white():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (255, 0, 0, 255)
    pixels[0, 1] = (255, 0, 0, 0)
    pixels[1, 0] = (0, 0, 0, 128)
    image = open_image(encoded(Image.fromarray(pixels), "PNG"))
    assert image.getpixel((0, 0)) == (255, 0, 0)
    assert image.getpixel((1, 0)) == (255, 255, 255)
    assert image.getpixel((0, 1)) == (127, 127, 127)


def test_a_palette_with_a_transparent_colour_lies_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 200, 30, 250, 0, 0])
    image.putpixel((1, 0), 1)
    seen = open_image(encoded(image, "PNG", transparency=1))
    assert (seen.getpixel((0, 0)), seen.getpixel((1, 0))) == ((10, 200, 30), (255, 255, 255))


def test_grey_with_alpha_and_one_bit_pictures_are_rgb():
    grey = open_image(encoded(Image.new("LA", (2, 2), (90, 255)), "PNG"))
    bits = open_image(encoded(Image.new("1", (2, 2), 1), "PNG"))
    assert (grey.mode, grey.getpixel((0, 0))) == ("RGB", (90, 90, 90))
    assert (bits.mode, bits.getpixel((0, 0))) == ("RGB", (255, 255, 255))


def test_cmyk_becomes_the_colours_that_were_printed():
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert is_close(open_image(content).getpixel((8, 8)), (255, 0, 0))


def test_sixteen_bits_are_scaled_and_not_cut_off():
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    image = open_image(encoded(Image.fromarray(values), "PNG"))
    assert [image.getpixel((x, 0))[0] for x in range(4)] == [0, 1, 128, 255]


def test_floats_are_scaled_by_their_range():
    image = open_image(encoded(Image.fromarray(np.array([[-1.0, 0.0, 1.0]], np.float32)), "TIFF"))
    assert [image.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_an_animation_shows_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(content).getpixel((4, 4)) == (255, 0, 0)


def test_heic_from_a_phone_is_read(halves):
    pytest.importorskip("pillow_heif")
    content = encoded(halves.resize((60, 40)), "HEIF", quality=95)
    image = open_image(content)
    assert image.size == (60, 40) == inspect(content)[:2]
    assert is_close(image.getpixel((10, 20)), (200, 0, 0), 25)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF"])
def test_a_file_is_read_by_its_content_whatever_its_name_says(tmp_path, halves, format):
    file = tmp_path / "photo.txt"
    halves.save(file, format)
    image = open_image(file)
    assert (image.mode, image.size) == ("RGB", (30, 20))
    assert is_close(image.getpixel((5, 10)), (200, 0, 0), 40)


def test_a_truncated_picture_is_damaged(halves):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
    for format in ("JPEG", "PNG", "WEBP"):
        content = encoded(noise, format)
        with pytest.raises(ImageError, match="damaged image|not an image"):
            inspect(content[: len(content) // 2])


def test_a_text_an_empty_file_and_a_missing_one_say_what_they_are(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture at all")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(NotAnImage, match="not an image"):
        open_image(tmp_path / "text.jpg")
    with pytest.raises(NotAnImage):
        open_image(tmp_path / "empty.jpg")
    with pytest.raises(NotAnImage, match="empty file"):
        open_image(b"")
    with pytest.raises(ImageError, match="the file is gone"):
        open_image(tmp_path / "gone.jpg")


def png_header(width, height):
    """A PNG that claims a size and ends there: whoever allocates before looking gets the memory, and then an error."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT"


def test_a_header_that_claims_too_many_pixels_is_refused_before_any_is_decoded():
    with pytest.raises(ImageError, match="too large: 30000 x 30000 pixels, the limit is 100 megapixels"):
        open_image(png_header(30_000, 30_000))
    with pytest.raises(ImageError, match="damaged image"):
        open_image(png_header(100, 100))


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 5)])
def test_pictures_of_any_shape_become_a_square(size):
    result = load_square(encoded(Image.new("RGB", size, (9, 99, 199)), "PNG"), 32)
    assert (result.shape, result.dtype) == ((32, 32, 3), np.uint8)
    assert np.all(result == (9, 99, 199))


def test_the_square_is_the_middle_of_the_picture():
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 30:70] = 250
    assert np.all(crop_square(Image.fromarray(pixels), 40) == 250)


def test_a_large_jpeg_is_decoded_smaller_and_gives_the_same_square():
    gradient = np.linspace(0, 255, 1600)[None, :, None] * np.ones((1200, 1, 3))
    content = encoded(Image.fromarray(gradient.astype(np.uint8)), "JPEG", quality=95)
    small, full = open_image(content, min_size=64), open_image(content)
    assert full.size == (1600, 1200)
    assert 128 <= min(small.size) < 1200
    difference = np.abs(load_square(content, 64).astype(int) - crop_square(full, 64).astype(int))
    assert difference.max() <= 3
    assert inspect(content)[:2] == (1600, 1200)
