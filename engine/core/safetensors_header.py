"""The header of a safetensors file: names, types and shapes, checked against the file's size. No tensor is read, no torch loaded."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 32 << 20  # bytes of a header: a thousand layers take 200 KB
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class HeaderError(ValueError):
    """The file is not what its header says; the text says why."""


@dataclass(frozen=True)
class Entry:
    """One tensor."""

    type: str
    shape: tuple[int, ...]


def read_header(file: Path) -> dict[str, Entry]:
    """The file's tensors by name. Raises HeaderError, OSError."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(_LONGEST, size - 8):
            raise HeaderError("it has no safetensors header")
        document = _document(stream.read(length))
    entries = {name: _entry(said) for name, said in document.items() if name != "__metadata__"}
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


def _entry(said: object) -> Entry:
    if not isinstance(said, dict) or said.get("dtype") not in _WIDTHS or not isinstance(said.get("shape"), list):
        raise HeaderError("its header names a tensor of an unknown type")
    shape = said["shape"]
    if len(shape) > 16 or not all(type(side) is int and 0 <= side < 1 << 40 for side in shape):
        raise HeaderError("its header names a tensor of an impossible shape")
    return Entry(said["dtype"], tuple(shape))


def _check_places(document: dict, entries: dict[str, Entry], available: int) -> None:
    """One tensor lies behind the other and they fill the file."""
    places = []
    for name, entry in entries.items():
        place = document[name].get("data_offsets")
        if not (isinstance(place, list) and len(place) == 2 and all(type(value) is int for value in place)):
            raise HeaderError("its header does not say where its tensors lie")
        if place[1] - place[0] != math.prod(entry.shape) * _WIDTHS[entry.type]:
            raise HeaderError("the sizes in its header do not agree")
        places.append(tuple(place))
    end = 0
    for start, stop in sorted(places):
        if start != end or stop < start:
            raise HeaderError("the sizes in its header do not agree")
        end = stop
    if end != available:
        raise HeaderError(f"its tensors take {end:,} bytes, and the file holds {available:,}")
