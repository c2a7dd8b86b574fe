"""Files that want to break whatever opens them, made by a seed: pictures cut anywhere, bombs, polyglots, archives.

`files(seed, count)` gives them one at a time. Nothing in them is dangerous outside a reader that trusts them.
"""

import io
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "GIF": "gif", "TIFF": "tif", "PPM": "ppm",
           "JPEG2000": "jp2", "AVIF": "avif", "HEIF": "heic"}  # fmt: skip


class Hostile(NamedTuple):
    """A file, what is done to it, and whether it must be read ("read"), refused ("refused"), or may be either ("either")."""

    name: str
    content: bytes
    kind: str
    verdict: str


def files(seed: int = 0, count: int = 500) -> Iterator[Hostile]:
    """`count` files, each kind among them; the same seed gives the same files."""
    rng = random.Random(seed)
    plain = {name: encoded(_noise(rng, 40, 30), name) for name in FORMATS}
    left = count
    for make in (_kinds, _exif, _polyglots, _texts, _archives, _bombs):
        for file in make(rng, plain):
            yield file
            left -= 1
    for number in range(left):
        format = rng.choice(list(FORMATS))
        damage = (_cut, _flipped, _spliced)[number % 3]
        yield Hostile(
            f"{damage.__name__[1:]}{number}.{FORMATS[format]}", damage(rng, plain[format]), damage.__name__[1:], "either"
        )


def encoded(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def archive(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as opened:
        warnings.simplefilter("ignore")  # names that stand twice in it
        for name, content in members:
            # An entry made of a name alone bears the time of day.
            opened.writestr(zipfile.ZipInfo(name) if isinstance(name, str) else name, content, compression)
    return stream.getvalue()


def png_claiming(width: int, height: int, rows: int = 1) -> bytes:
    """A PNG whose header claims a size, and which holds `rows` rows of zeros."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer, data = zlib.compressobj(1), []
    for _ in range(rows):
        data.append(packer.compress(bytes(1 + 3 * min(width, 3_000_000))))
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"".join(data) + packer.flush()) + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _noise(rng: random.Random, width: int, height: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(rng.randrange(1 << 30)).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _flipped(rng: random.Random, content: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 4, 30])):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def _spliced(rng: random.Random, content: bytes) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + rng.randbytes(rng.choice([1, 100, 5000])) + content[place:]


def _bombs(rng: random.Random, plain: dict[str, bytes]) -> Iterator[Hostile]:
    huge = struct.pack("<HH", 65535, 65535)
    bmp = bytearray(plain["BMP"])
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    tiff = (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", 2)
        + struct.pack("<HHII", 256, 4, 1, 90_000)
        + struct.pack("<HHII", 257, 4, 1, 90_000)
    )
    yield Hostile("billion.png", png_claiming(32_000, 32_000), "bomb", "refused")
    yield Hostile("most.png", png_claiming(2**31 - 1, 2**31 - 1), "bomb", "refused")
    yield Hostile("screen.gif", plain["GIF"][:6] + huge + plain["GIF"][10:], "bomb", "refused")
    yield Hostile("wall.bmp", bytes(bmp), "bomb", "refused")
    yield Hostile("field.tif", tiff + bytes(4), "bomb", "refused")
    yield Hostile("many.ppm", b"P6\n99999 99999\n255\n" + bytes(300), "bomb", "refused")
    # Under the limit of pixels and whole, at a three hundredth of its size: it is read, in bounded memory.
    yield Hostile("zeros.png", png_claiming(9_900, 9_900, 9_900), "bomb", "read")
    yield Hostile("strip.png", png_claiming(3_000_000, 1), "bomb", "read")
    yield Hostile(
        "text.png", _with_chunks(plain["PNG"], _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80 << 20), 1))), "bomb", "either"
    )
    yield Hostile(
        "profile.png", _with_chunks(plain["PNG"], _chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(80 << 20), 1))), "bomb", "either"
    )


def _with_chunks(png: bytes, chunk: bytes) -> bytes:
    return png[:33] + chunk + png[33:]


def _kinds(rng: random.Random, plain: dict[str, bytes]) -> Iterator[Hostile]:
    """Pictures as they come: rare, and to be read."""
    deep = np.arange(40 * 30, dtype=np.uint16).reshape(30, 40) * 50
    frames = [Image.new("P", (8, 8), i % 250) for i in range(3000)]
    yield Hostile("deep.png", encoded(Image.fromarray(deep), "PNG"), "mode", "read")
    yield Hostile("deep.tif", encoded(Image.fromarray(deep), "TIFF"), "mode", "read")
    yield Hostile("float.tif", encoded(Image.fromarray(deep.astype(np.float32)), "TIFF"), "mode", "read")
    for mode, format in (
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("L", "JPEG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("1", "PNG"),
        ("RGBA", "WEBP"),
    ):
        yield Hostile(f"{mode}.{FORMATS[format]}", encoded(_noise(rng, 40, 30, mode), format), "mode", "read")
    yield Hostile("frames.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "frames", "read")
    yield Hostile("dot.png", encoded(_noise(rng, 1, 1), "PNG"), "mode", "read")


def _exif(rng: random.Random, plain: dict[str, bytes]) -> Iterator[Hostile]:
    looped = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    counts = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 65535) + struct.pack("<HHII", 0x112, 3, 2**32 - 1, 2**32 - 8) * 4000
    for name, block in (
        ("looped", looped),
        ("counts", counts),
        ("noise", b"Exif\0\0" + rng.randbytes(3000)),
        ("empty", b"Exif\0\0"),
    ):
        segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
        yield Hostile(f"exif-{name}.jpg", b"\xff\xd8" + segment + plain["JPEG"][2:], "exif", "read")
    for orientation in (0, 9, 99, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield Hostile(f"exif-{orientation}.jpg", encoded(_noise(rng, 40, 30), exif=exif), "exif", "read")


def _polyglots(rng: random.Random, plain: dict[str, bytes]) -> Iterator[Hostile]:
    script = b"<script>fetch('//x')</script><?php system($_GET[0]); ?>"
    yield Hostile("also.zip.jpg", plain["JPEG"] + archive(("../../evil.jpg", b"x")), "polyglot", "read")
    yield Hostile("page.png", plain["PNG"] + script, "polyglot", "read")
    yield Hostile("page.gif", plain["GIF"] + b"/*" + script, "polyglot", "read")
    yield Hostile("paper.jpg", b"%PDF-1.7\n" + plain["JPEG"], "polyglot", "refused")
    yield Hostile("page.jpg", b"<html>" + script + plain["JPEG"], "polyglot", "refused")


def _texts(rng: random.Random, plain: dict[str, bytes]) -> Iterator[Hostile]:
    """What is no picture, under the name of one."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><image href="file:///etc/passwd"/></svg>'
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"
    contents = {"empty.jpg": b"", "words.jpg": b"no picture at all\n" * 9, "drawing.svg": svg, "drawing.jpg": svg, "print.jpg": eps,
                "list.jpg": b"\x80\x04cos\nsystem\n(S'true'\ntR.", "program.png": b"\x7fELF" + rng.randbytes(200),
                "packed.jpg": b"\x1f\x8b\x08" + rng.randbytes(90), "zeros.jpg": bytes(5000), "mark.jpg": b"\xff\xd8\xff",
                "film.webp": b"RIFF\xff\xff\xff\x7fAVI " + bytes(80), "table.tif": b"II*\0\xff\xff\xff\xff"}  # fmt: skip
    for name, content in contents.items():
        yield Hostile(name, content, "no picture", "refused")
    yield Hostile("noise.jpg", rng.randbytes(4000), "no picture", "refused")
    yield Hostile("../../../tmp/evil\u202egpj.\x00.jpg", plain["JPEG"], "name", "read")
    yield Hostile("<img src=x onerror=alert(1)>.png", plain["PNG"], "name", "read")


def _archives(rng: random.Random, plain: dict[str, bytes]) -> Iterator[Hostile]:
    picture = plain["JPEG"]
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    good = archive(("forest/a.jpg", picture), ("sea/b.jpg", picture))
    paths = ["../../evil.jpg", "/tmp/evil.jpg", "C:\\evil.jpg", "..\\evil.jpg", "a/../../evil.jpg", "x" * 1200 + ".jpg"]
    zeros = bytes(20 << 20)
    for place, path in enumerate(paths):
        yield Hostile(f"slip{place}.zip", archive((path, picture)), "zip slip", "refused")
    yield Hostile("bomb.zip", archive(*((f"{i}.bmp", zeros) for i in range(8))), "zip bomb", "refused")
    yield Hostile("member.zip", archive(("a.bmp", bytes(60 << 20))), "zip bomb", "refused")
    yield Hostile("quine.zip", archive(("a.zip", archive(("b.zip", good)))), "nested zip", "refused")
    yield Hostile("link.zip", archive((link, b"/etc/passwd")), "zip link", "refused")
    yield Hostile(
        "many.zip", archive(*((f"{i}", b"") for i in range(60_000)), compression=zipfile.ZIP_STORED), "zip of many", "refused"
    )
    yield Hostile(
        "locked.zip", good.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\x01\0"), "locked", "refused"
    )
    yield Hostile("method.zip", _patched(good, 10, b"\x63\0"), "method", "refused")
    yield Hostile("sum.zip", _patched(good, 16, b"\1\2\3\4"), "wrong sum", "refused")
    yield Hostile("overlap.zip", _overlapping(picture), "overlap", "either")
    yield Hostile("no.zip", b"PK\x03\x04 no archive", "no archive", "refused")
    yield Hostile("nothing.zip", archive(), "empty", "refused")
    yield Hostile("good.zip", good, "plain", "read")
    for number in range(30):
        damage = (_cut, _flipped, _spliced)[number % 3]
        yield Hostile(f"damaged{number}.zip", damage(rng, good), "damaged zip", "either")


def _patched(content: bytes, offset: int, value: bytes) -> bytes:
    """The archive with some bytes of each entry of its directory replaced."""
    patched, place = bytearray(content), content.find(b"PK\x01\x02")
    while place >= 0:
        patched[place + offset : place + offset + len(value)] = value
        place = content.find(b"PK\x01\x02", place + 4)
    return bytes(patched)


def _overlapping(picture: bytes) -> bytes:
    """A directory whose hundred entries are all the same member."""
    single = archive(("a.jpg", picture))
    start, end = single.find(b"PK\x01\x02"), single.find(b"PK\x05\x06")
    entries = single[start:end] * 100
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 100, 100, len(entries), start, 0)
    return single[:start] + entries + tail
