"""Filters of images: one value that the pages, their addresses and the catalog share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from engine.core.address import Choice, Interval, Items, Name, Record
from engine.data.catalog_schema import ImageState
from engine.data.label_overlay import EDITS, Edit
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES

Correctness = Literal["", "right", "wrong"]

STATES: tuple[ImageState, ...] = ("ok", "quarantined", "missing", "excluded")
CORRECTNESS: tuple[Correctness, ...] = ("right", "wrong")
_GRAMMAR = Record(
    {
        "split": Items(Choice(SPLITS)),
        "class": Items(Name()),
        "state": Choice(STATES),
        "edited": Items(Choice(EDITS)),
        "path": Name(),
        **{name: Interval() for name in sorted(PROPERTIES)},
        "run": Name(),
        "predicted": Items(Name()),
        "verdict": Choice(CORRECTNESS),
        "selection": Name(),
    },
    joint="_",
)
# Fields of the filter whose name in an address is another one.
_FIELDS = {"split": "splits", "class": "classes", "path": "text", "verdict": "correctness"}
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
        values = {name: getattr(self, _FIELDS.get(name, name)) for name in _GRAMMAR.kinds if name not in PROPERTIES}
        conditions = {name: value for name, value in values.items() if value != getattr(Filter, _FIELDS.get(name, name))}
        return _GRAMMAR.encode(conditions | {r.name: (r.low, r.high) for r in self.ranges})

    @classmethod
    def from_text(cls, text: str) -> tuple[Self, list[str]]:
        """The filter that `to_text` wrote, and a sentence for each part that was not understood and was left out."""
        if len(text) > _MAX_LENGTH:
            return cls(), ["The filter in the address is too long and was left out."]
        values, unreadable = _GRAMMAR.decode(text)
        ranges = tuple(Range(name, *values.pop(name)) for name in sorted(PROPERTIES) if name in values)
        fields: dict[str, Any] = {_FIELDS.get(name, name): value for name, value in values.items()}
        sentences = [f"The filter {part[:60]!r} in the address was not understood and was left out." for part in unreadable]
        return cls(ranges=ranges, **fields), sentences

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
