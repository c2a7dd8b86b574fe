"""One entry of the label log, and the line of JSON that it is kept as."""

import getpass
import hashlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

DECISIONS = ("relabel", "exclude", "keep", "unsure")
REVERSALS = ("undo", "redo", "restore")
_LONGEST = 8_000  # characters of a field of text
_NAMES = {"was": "from"}  # a field that cannot be called what it is in JSON


class Damaged(ValueError):
    """A line that is no entry; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision about one image, or the reversal of earlier entries.

    `content` (the file's hash), `path` and `id` name the image; `was` and `to` are its class before and after. `replaces`: the
    decisions that stood for this image when it was made; two that do not know of each other are in conflict. `undoes`: of a
    reversal. What was decided at one stroke has one `batch`. `time` rises within a log, whatever the clock does.
    """

    uid: str
    time: float
    who: str
    action: str
    content: str = ""
    path: str = ""
    id: int = 0
    was: str | None = None
    to: str | None = None
    why: str = ""
    finding: str = ""
    replaces: tuple[str, ...] = ()
    undoes: tuple[str, ...] = ()
    batch: str = ""

    @property
    def decides(self) -> bool:
        return self.action in DECISIONS

    @property
    def outcome(self) -> tuple[str, str | None]:
        """What two decisions must share to say the same."""
        return self.action, self.to

    def document(self) -> dict[str, Any]:
        """The entry as JSON says it; what is empty is left out."""
        values = {_NAMES.get(name, name): getattr(self, name) for name in self.__slots__}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items() if v not in ("", None, (), 0)}

    def line(self, seq: int) -> str:
        """The line of the log: the document with its place and a check of its own."""
        document = self.document()
        # A file name that is no UTF-8 is written in escapes.
        return json.dumps({"seq": seq, **document, "check": _check(document)}, ensure_ascii=True)

    @classmethod
    def of(cls, document: Any) -> Self:
        """The entry of a document. Raises Damaged."""
        if not isinstance(document, Mapping):
            raise Damaged("it is not a JSON object")
        said = {key: value for key, value in document.items() if key not in ("seq", "check")}
        if "check" in document and document["check"] != _check(said):
            raise Damaged("its check does not fit what it says")
        try:
            return cls(**_fields(said))
        except TypeError as error:
            raise Damaged("it lacks fields of an entry") from error


def parse(line: bytes) -> Entry:
    """The entry of a line. Raises Damaged."""
    try:
        return Entry.of(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Damaged) else Damaged("it is not JSON") from error


def new_uid() -> str:
    return secrets.token_hex(8)


def myself() -> str:
    """Who decides: SCENESCOPE_WHO, or the name of the account."""
    try:
        return (os.environ.get("SCENESCOPE_WHO") or getpass.getuser())[:80]
    except (KeyError, OSError):  # an account without a name
        return "unknown"


def _check(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an entry, each of the kind that it must be."""
    result = {}
    for name in Entry.__slots__:
        value = said.get(_NAMES.get(name, name))
        if value is None:
            continue
        if name in ("replaces", "undoes"):
            if not isinstance(value, list) or not all(map(_is_text, value)):
                raise Damaged(f"its {name} is not a list of entries")
            value = tuple(value)
        elif name in ("time", "id"):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise Damaged(f"its {name} is not a number")
            value = float(value) if name == "time" else int(value)
        elif not _is_text(value):
            raise Damaged(f"its {name} is not text")
        result[name] = value
    _check_meaning(result)
    return result


def _check_meaning(found: Mapping[str, Any]) -> None:
    action = found.get("action")
    if action not in (*DECISIONS, *REVERSALS):
        raise Damaged(f"there is no action {str(action)[:40]!r}")
    if action in DECISIONS and not found.get("content"):
        raise Damaged("it names no image")
    if action == "relabel" and not found.get("to"):
        raise Damaged("it names no class")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST
