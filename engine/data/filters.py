"""Filters of images: one value that the pages, their addresses and the catalog share."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeVar

from engine.data.catalog_schema import ImageState
from engine.data.label_overlay import EDITS, Edit
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES

Correctness = Literal["", "right", "wrong"]
C = TypeVar("C", bound=str)

STATES: tuple[ImageState, ...] = ("ok", "quarantined", "missing", "excluded")
CORRECTNESS: tuple[Correctness, ...] = ("right", "wrong")
_NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
_RANGE = re.compile(rf"({_NUMBER})?-({_NUMBER})?")
_MAX_LENGTH = 20_000  # characters in an address: no page writes longer filters


@dataclass(frozen=True)
class Range:
    """Values of one property from `low` to `high`, inclusive; None leaves that side open."""

    name: str
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        entry = PROPERTIES[self.name]
        low, high = ("" if end is None else entry.format(end) for end in (self.low, self.high))
        if low and high:
            return f"{entry.label} {low} to {high}"
        return f"{entry.label} from {low}" if low else f"{entry.label} up to {high}"


@dataclass(frozen=True)
class Filter:
    """Conditions that must all hold; an empty field sets no condition. Equal filters are equal cache keys.

    `classes`, `splits` and `edited` (kinds of label edits): any of these. `text` is part of the path, in any case. `run` with
    `predicted` (any of these classes) and `correctness`: what that run predicted. `selection`: the key that `Catalog.select`
    returned for a set of images.
    """

    splits: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    state: ImageState = "ok"
    text: str = ""
    ranges: tuple[Range, ...] = ()
    run: str = ""
    predicted: tuple[str, ...] = ()
    correctness: Correctness = ""
    selection: str = ""
    edited: tuple[Edit, ...] = ()

    @property
    def needs_predictions(self) -> bool:
        """Whether the filter depends on a run's predictions."""
        return bool(self.run and (self.predicted or self.correctness))

    def range(self, name: str) -> Range:
        """The range of a property; open on both sides where none is set."""
        return next((r for r in self.ranges if r.name == name), Range(name))

    def with_range(self, name: str, low: float | None, high: float | None) -> Self:
        """The filter with the property's range replaced. Raises KeyError for an unknown property."""
        others = [r for r in self.ranges if r.name != name]
        new = [] if low is None and high is None else [Range(PROPERTIES[name].name, low, high)]
        # Sorted, so that filters with the same ranges are equal.
        return replace(self, ranges=tuple(sorted(others + new, key=lambda r: r.name)))

    def to_text(self) -> str:
        """The filter for an address, in characters that no browser escapes; "" where it has no condition."""
        return "~".join(f"{key}_{value}" for key, value in self._fields() if value)

    def _fields(self) -> Iterator[tuple[str, str]]:
        yield "split", _join(self.splits)
        yield "class", _join(self.classes)
        yield "state", self.state if self.state != "ok" else ""
        yield "edited", _join(self.edited)
        yield "path", escape(self.text)
        for r in self.ranges:
            yield r.name, f"{_number(r.low)}-{_number(r.high)}"
        yield "run", escape(self.run)
        yield "predicted", _join(self.predicted)
        yield "verdict", self.correctness
        yield "selection", escape(self.selection)

    @classmethod
    def from_text(cls, text: str) -> tuple[Self, list[str]]:
        """The filter that `to_text` wrote, and a sentence for each part that was not understood and was left out."""
        if len(text) > _MAX_LENGTH:
            return cls(), ["The filter in the address is too long and was left out."]
        result, ignored = cls(), []
        for part in filter(None, text.split("~")):
            key, _, value = part.partition("_")
            try:
                result = result._with(key, value)
            except ValueError:
                ignored.append(f"The filter {part[:60]!r} in the address was not understood and was left out.")
        return result, ignored

    def _with(self, key: str, value: str) -> Self:
        if key in PROPERTIES:
            return self.with_range(key, *_parse_range(value))
        match key:
            case "split":
                return replace(self, splits=tuple(_choice(name, SPLITS) for name in _split(value)))
            case "class":
                return replace(self, classes=_split(value))
            case "state":
                return replace(self, state=_choice(value, STATES))
            case "edited":
                return replace(self, edited=tuple(_choice(name, EDITS) for name in _split(value)))
            case "path":
                return replace(self, text=unescape(value))
            case "run":
                return replace(self, run=unescape(value))
            case "predicted":
                return replace(self, predicted=_split(value))
            case "verdict":
                return replace(self, correctness=_choice(value, CORRECTNESS))
            case "selection":
                return replace(self, selection=unescape(value))
        raise ValueError(key)

    def describe(self) -> str:
        """The filter in words; "" where it has no condition. Contains names of folders and files: untrusted text."""
        return ", ".join(self._descriptions())

    def _descriptions(self) -> Iterator[str]:
        if self.splits:
            yield _either(self.splits)
        if self.classes:
            yield f"class {_either(self.classes)}"
        if self.state != "ok":
            yield self.state
        if self.edited:
            yield f"{_either(self.edited)} by hand"
        if self.text:
            yield f"path with \N{LEFT DOUBLE QUOTATION MARK}{self.text}\N{RIGHT DOUBLE QUOTATION MARK}"
        yield from map(str, self.ranges)
        if self.run and self.predicted:
            yield f"predicted {_either(self.predicted)} by {self.run}"
        if self.run and self.correctness:
            yield f"{self.run} is {self.correctness}"
        if self.selection:
            yield "selected images"


def _either(names: Iterable[str], limit: int = 4) -> str:
    names = list(names)
    if len(names) > limit:
        return f"{', '.join(names[: limit - 1])} or {len(names) - limit + 1:,} others"
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _parse_range(text: str) -> tuple[float | None, float | None]:
    match = _RANGE.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(text)
    low, high = (float(group) if group else None for group in match.groups())
    if low is not None and high is not None and low > high:
        raise ValueError(text)
    return low, high


def _choice(value: str, choices: Iterable[C]) -> C:
    """The one of the choices that equals the value. Raises ValueError where there is none."""
    for choice in choices:
        if choice == value:
            return choice
    raise ValueError(value)


def _join(values: Iterable[str]) -> str:
    return "-".join(map(escape, values))


def _split(text: str) -> tuple[str, ...]:
    return tuple(map(unescape, filter(None, text.split("-"))))


def escape(value: str) -> str:
    """The value with every byte of its UTF-8 other than ASCII letters, digits and `_` as a dot and two hexadecimal digits."""
    return re.sub(rb"[^A-Za-z0-9_]", lambda m: b".%02X" % m[0][0], value.encode("utf-8", "surrogatepass")).decode("ascii")


def unescape(text: str) -> str:
    """The value that `escape` wrote. Raises ValueError for anything else."""
    if not re.fullmatch(r"(?:[A-Za-z0-9_]|\.[0-9A-F]{2})*", text):
        raise ValueError(text)
    return re.sub(rb"\.([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text.encode("ascii")).decode("utf-8")
