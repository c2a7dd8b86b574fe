"""The grammar of addresses: how a value becomes text in the query of a URL, and how that text is read.

A kind of value writes each of its values as text that no browser escapes (`encode`), and reads that text as the same value (`decode`).
An address is untrusted: `decode` raises ValueError for a text that means nothing, and never anything else.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")

_DECIMALS = 6  # of a number in an address


class Kind(Protocol[T]):
    def encode(self, value: T, /) -> str: ...
    def decode(self, text: str, /) -> T: ...


@dataclass(frozen=True)
class Codec(Generic[T]):
    """A value with a function that writes it and one that reads it."""

    write: Callable[[T], str]
    read: Callable[[str], T]

    def encode(self, value: T) -> str:
        return self.write(value)

    def decode(self, text: str) -> T:
        return self.read(text)


@dataclass(frozen=True)
class Text:
    """A text as it is, of which the whole matches `pattern`: an id, or words that a person typed."""

    pattern: str = "(?s:.*)"

    def encode(self, value: str) -> str:
        return value

    def decode(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(text)
        return text


@dataclass(frozen=True)
class Name:
    """A name of unknown origin in any script, such as a class or a folder, which may stand in a list.

    Every byte of its UTF-8 other than ASCII letters, digits and `_` is written as a dot and two hexadecimal digits.
    """

    def encode(self, value: str) -> str:
        content = value.encode("utf-8", "surrogatepass")
        return re.sub(rb"[^A-Za-z0-9_]", lambda byte: b".%02X" % byte[0][0], content).decode("ascii")

    def decode(self, text: str) -> str:
        if not re.fullmatch(r"(?:[A-Za-z0-9_]|\.[0-9A-F]{2})*", text):
            raise ValueError(text)
        return re.sub(rb"\.([0-9A-F]{2})", lambda byte: bytes([int(byte[1], 16)]), text.encode("ascii")).decode("utf-8")


@dataclass(frozen=True)
class Integer:
    """A whole number of at most so many digits: Python refuses to convert very long ones."""

    digits: int = 9
    signed: bool = False

    def encode(self, value: int) -> str:
        return str(value)

    def decode(self, text: str) -> int:
        if not re.fullmatch(rf"{'-?' if self.signed else ''}[0-9]{{1,{self.digits}}}", text):
            raise ValueError(text)
        return int(text)


@dataclass(frozen=True)
class Interval:
    """The lower and the upper end of a range of numbers that are not negative; None leaves one of the sides open."""

    def encode(self, value: tuple[float | None, float | None]) -> str:
        return "-".join("" if end is None else f"{end:.{_DECIMALS}f}".rstrip("0").rstrip(".") for end in value)

    def decode(self, text: str) -> tuple[float | None, float | None]:
        number = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
        match = re.fullmatch(rf"({number})?-({number})?", text)
        low, high = (float(end) if end else None for end in match.groups()) if match else (None, None)
        if low is None is high or (low is not None and high is not None and low > high):
            raise ValueError(text)
        # As the text holds them: the same address always means the same range.
        return (low if low is None else round(low, _DECIMALS), high if high is None else round(high, _DECIMALS))


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One of these texts or numbers."""

    options: Sequence[T]

    def encode(self, value: T) -> str:
        return value if isinstance(value, str) else f"{value:g}"

    def decode(self, text: str) -> T:
        for option in self.options:
            if self.encode(option) == text:
                return option
        raise ValueError(text)


@dataclass(frozen=True)
class OrNone(Generic[T]):
    """A value, or None as an empty text."""

    item: Kind[T]

    def encode(self, value: T | None) -> str:
        return "" if value is None else self.item.encode(value)

    def decode(self, text: str) -> T | None:
        return self.item.decode(text) if text else None


@dataclass(frozen=True)
class Items(Generic[T]):
    """Values of one kind, up to `most`, where `unique` each once; `none` is the text for no value.

    `lenient`: values that cannot be read are left out, and the others hold.
    """

    item: Kind[T]
    separator: str = "-"
    most: int | None = None
    lenient: bool = False
    none: str = ""
    unique: bool = True

    def encode(self, value: Sequence[T]) -> str:
        return self.separator.join(map(self.item.encode, value)) or self.none

    def decode(self, text: str) -> tuple[T, ...]:
        parts = filter(None, text.split(self.separator)) if text != self.none else iter(())
        values = self._read(parts)
        return tuple(dict.fromkeys(values) if self.unique else values)[: self.most]

    def _read(self, parts: Iterator[str]) -> Iterator[T]:
        for part in parts:
            try:
                yield self.item.decode(part)
            except ValueError:
                if not self.lenient:
                    raise


@dataclass(frozen=True)
class Row:
    """A fixed number of values, each of its own kind. Only the last may hold the separator."""

    kinds: tuple[Kind[Any], ...]
    separator: str

    def encode(self, value: Sequence[Any]) -> str:
        return self.separator.join(kind.encode(one) for kind, one in zip(self.kinds, value, strict=True))

    def decode(self, text: str) -> tuple[Any, ...]:
        parts = text.split(self.separator, len(self.kinds) - 1)
        return tuple(kind.decode(part) for kind, part in zip(self.kinds, parts, strict=True))


@dataclass(frozen=True)
class Record:
    """Values by name, as in `split_test~class_sea`, each of its own kind; `joint` stands between a name and its value."""

    kinds: Mapping[str, Kind[Any]]
    joint: str
    separator = "~"

    def encode(self, value: Mapping[str, Any]) -> str:
        parts = (f"{name}{self.joint}{kind.encode(value[name])}" for name, kind in self.kinds.items() if name in value)
        return self.separator.join(parts)

    def decode(self, text: str) -> tuple[dict[str, Any], list[str]]:
        """The values that could be read, and the parts that could not."""
        values, unreadable = {}, []
        for part in filter(None, text.split(self.separator)):
            name, _, value = part.partition(self.joint)
            try:
                values[name] = self.kinds[name].decode(value)
            except (KeyError, ValueError):
                unreadable.append(part)
        return values, unreadable
