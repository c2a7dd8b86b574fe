"""What a JPEG says of itself in its headers, and whether one without its end mark is whole. No pixel is decoded here."""

from dataclasses import dataclass

MARK = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF, 0xF7})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # marks without a length
_START_OF_SCAN = 0xDA
# What would be decoded if anything of the picture were missing: any bytes that are not alike will do.
_FILLER = bytes((37 * i + 11) % 251 for i in range(512))


@dataclass(frozen=True)
class Frame:
    """The first frame of a JPEG. `samples`: pixels of all components together, as a share of the first one's grid."""

    mark: int
    bits: int
    width: int
    height: int
    samples: float
    components: int
    in_first_scan: int

    @property
    def is_progressive(self) -> bool:
        return self.mark in _PROGRESSIVE

    @property
    def held_bytes(self) -> int:
        """What libjpeg holds of the whole picture, at whatever scale it is decoded: coefficients that later scans add to."""
        in_one_pass = not self.is_progressive and self.in_first_scan == self.components
        return 0 if in_one_pass else round(2 * self.width * self.height * self.samples)

    def obstacle(self) -> str:
        """Why this kind of JPEG is not read here; "" for the usual kinds."""
        if self.mark in _LOSSLESS:
            return "not supported: a lossless JPEG"
        return "" if self.bits == 8 else f"not supported: a JPEG with {self.bits} bits per sample"


def read_frame(content: bytes) -> Frame | None:
    """The frame header, with the number of components that the first scan after it holds; None where there is none."""
    place, header = 2, None
    while place + 4 <= len(content) and content.startswith(MARK):
        if content[place] != 0xFF:
            break
        mark = content[place + 1]
        if mark == 0xFF or mark in _ALONE:
            place += 1 if mark == 0xFF else 2
            continue
        length = int.from_bytes(content[place + 2 : place + 4])
        segment = content[place + 4 : place + 2 + length]
        if mark in _FRAMES and header is None:
            header = _header(mark, segment)
        if mark == _START_OF_SCAN:
            return _with_scan(header, segment)
        place += 2 + length
    return _with_scan(header, b"") if header else None


def complete(content: bytes) -> tuple[bytes, bytes]:
    """The picture with an end mark, and once more with some filler before it.

    Whatever is missing is decoded from the filler: where both show the same pixels, nothing was.
    """
    rest = content.removesuffix(b"\xff")
    return rest + _END, rest + _FILLER + _END


def _header(mark: int, segment: bytes) -> tuple[int, bytes] | None:
    return (mark, segment) if len(segment) >= 6 and len(segment) >= 6 + 3 * segment[5] else None


def _with_scan(header: tuple[int, bytes] | None, scan: bytes) -> Frame | None:
    if header is None:
        return None
    mark, said = header
    grids = [(said[7 + 3 * i] >> 4) * (said[7 + 3 * i] & 15) for i in range(said[5])]
    samples = sum(grids) / max(grids, default=1) if any(grids) else 0.0
    height, width = int.from_bytes(said[1:3]), int.from_bytes(said[3:5])
    return Frame(mark, said[0], width, height, samples, said[5], scan[0] if scan else 0)
