"""The headers of a JPEG, and what is needed to see whether one without its end mark is whole. Decodes no pixels."""

from dataclasses import dataclass

MARK = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF, 0xF7})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_START_OF_SCAN = 0xDA
# Decoded in place of missing data: any bytes that differ from each other will do.
_FILLER = bytes((37 * i + 11) % 251 for i in range(512))


@dataclass(frozen=True)
class Frame:
    """The first frame of a JPEG. `samples`: pixels of all components together, relative to the largest component's grid."""

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
        """Bytes of coefficients that libjpeg keeps in memory for later scans, whatever the scale of decoding."""
        in_one_pass = not self.is_progressive and self.in_first_scan == self.components
        return 0 if in_one_pass else round(2 * self.width * self.height * self.samples)

    def obstacle(self) -> str:
        """Why this kind of JPEG is not supported; "" for the usual kinds."""
        if self.mark in _LOSSLESS:
            return "not supported: a lossless JPEG"
        return "" if self.bits == 8 else f"not supported: a JPEG with {self.bits} bits per sample"


def read_frame(content: bytes) -> Frame | None:
    """The frame header, with the number of components in the first scan after it; None where there is none."""
    offset, header = 2, None
    while offset + 4 <= len(content) and content.startswith(MARK):
        if content[offset] != 0xFF:
            break
        mark = content[offset + 1]
        if mark == 0xFF or mark in _ALONE:
            offset += 1 if mark == 0xFF else 2
            continue
        length = int.from_bytes(content[offset + 2 : offset + 4])
        segment = content[offset + 4 : offset + 2 + length]
        if mark in _FRAMES and header is None:
            header = _header(mark, segment)
        if mark == _START_OF_SCAN:
            return _with_scan(header, segment)
        offset += 2 + length
    return _with_scan(header, b"") if header else None


def complete(content: bytes) -> tuple[bytes, bytes]:
    """The JPEG with an end mark, and a second version with filler before the mark.

    Missing data is decoded from the filler: if both versions show the same pixels, nothing was missing.
    """
    rest = content.removesuffix(b"\xff")
    return rest + _END, rest + _FILLER + _END


def _header(mark: int, segment: bytes) -> tuple[int, bytes] | None:
    return (mark, segment) if len(segment) >= 6 and len(segment) >= 6 + 3 * segment[5] else None


def _with_scan(header: tuple[int, bytes] | None, scan: bytes) -> Frame | None:
    if header is None:
        return None
    mark, fields = header
    # The sampling factors of each component: horizontal in the upper, vertical in the lower 4 bits.
    grids = [(fields[7 + 3 * i] >> 4) * (fields[7 + 3 * i] & 15) for i in range(fields[5])]
    samples = sum(grids) / max(grids, default=1) if any(grids) else 0.0
    height, width = int.from_bytes(fields[1:3]), int.from_bytes(fields[3:5])
    return Frame(
        mark=mark, bits=fields[0], width=width, height=height, samples=samples, components=fields[5],
        in_first_scan=scan[0] if scan else 0,
    )  # fmt: skip
