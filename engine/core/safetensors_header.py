"""The header of a safetensors file: names, types and shapes, checked against the file's size. Reads no tensor and needs no torch."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 32 << 20  # of a header: a thousand layers take 200 KB
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class HeaderError(ValueError):
    """The file is not what its header says; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A tensor's type and shape."""

    type: str
    shape: tuple[int, ...]


def read_header(file: Path) -> dict[str, Entry]:
    """The file's tensors by name. Raises HeaderError, OSError."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(_MAX_BYTES, size - 8):
            raise HeaderError("it has no safetensors header")
        document = _document(stream.read(length))
    entries = {name: _entry(value) for name, value in document.items() if name != "__metadata__"}
    _check_places(document, entries, size - 8 - length)
    return entries


def _document(text: bytes) -> dict:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise HeaderError("its header is not JSON") from None
    if not isinstance(document, dict):
        raise HeaderError("its header does not name tensors")
    return document


def _entry(value: object) -> Entry:
    if not isinstance(value, dict) or value.get("dtype") not in _WIDTHS or not isinstance(value.get("shape"), list):
        raise HeaderError("its header names a tensor of an unknown type")
    shape = value["shape"]
    if len(shape) > 16 or not all(type(side) is int and 0 <= side < 1 << 40 for side in shape):
        raise HeaderError("its header names a tensor of an impossible shape")
    return Entry(value["dtype"], tuple(shape))


def _check_places(document: dict, entries: dict[str, Entry], available: int) -> None:
    """Check that the tensors lie one after the other and fill the file, as the format demands. Raises HeaderError."""
    spans = []
    for name, entry in entries.items():
        offsets = document[name].get("data_offsets")
        if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(value) is int for value in offsets)):
            raise HeaderError("its header lacks the positions of its tensors")
        if offsets[1] - offsets[0] != math.prod(entry.shape) * _WIDTHS[entry.type]:
            raise HeaderError("the sizes in its header do not agree")
        spans.append(tuple(offsets))
    end = 0
    for start, stop in sorted(spans):
        if start != end or stop < start:
            raise HeaderError("the sizes in its header do not agree")
        end = stop
    if end != available:
        raise HeaderError(f"its header describes {end:,} bytes of tensors, and the file holds {available:,}")
