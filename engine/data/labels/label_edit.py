"""One entry of the label log, and the line of JSON that holds it."""

import getpass
import hashlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Required, Self, TypedDict, cast

Action = Literal["relabel", "exclude", "keep", "unsure"]
Reversal = Literal["undo", "redo", "restore"]

DECISIONS: tuple[Action, ...] = ("relabel", "exclude", "keep", "unsure")
REVERSALS: tuple[Reversal, ...] = ("undo", "redo", "restore")
_MAX_TEXT = 8_000  # characters per text field
# Fields whose key in the file differs: logs of any age must stay readable, and digests of versions are over the written text.
_KEYS = {"author": "who", "old_class": "from", "new_class": "to", "reason": "why"}


# "from" is no name of a field in Python.
EntryDocument = TypedDict(
    "EntryDocument",
    {
        "uid": Required[str], "time": Required[float], "who": str, "action": Required[Action | Reversal], "content": str, "path": str,
        "id": int, "from": str, "to": str, "why": str, "finding": str, "replaces": list[str], "undoes": list[str], "batch": str,
    },
    total=False,
)  # fmt: skip


class DamagedEntryError(ValueError):
    """A line of the log that is not an entry; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision about one image, or the reversal of earlier entries.

    `content` (the file's hash), `path` and `id` name the image. `replaces`: the uids of the decisions that were in force for this
    image when this one was made; two decisions that do not name each other are in conflict. `undoes`: the uids that a reversal
    reverses. Decisions that were made in one step share a `batch`. `time` (seconds since 1970) rises within a log, even if the
    clock is put back.
    """

    uid: str
    time: float
    author: str
    action: Action | Reversal
    content: str = ""
    path: str = ""
    id: int = 0
    old_class: str | None = None
    new_class: str | None = None
    reason: str = ""
    finding: str = ""
    replaces: tuple[str, ...] = ()
    undoes: tuple[str, ...] = ()
    batch: str = ""

    @property
    def is_decision(self) -> bool:
        """Whether this is a decision; if not, it is a reversal."""
        return self.action in DECISIONS

    @property
    def outcome(self) -> tuple[str, str | None]:
        """What two decisions must have in common to agree."""
        return self.action, self.new_class

    def document(self) -> EntryDocument:
        """The entry as a JSON object, without empty fields."""
        values = {_KEYS.get(name, name): getattr(self, name) for name in self.__slots__}
        filled = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items() if v not in ("", None, (), 0)}
        return cast(EntryDocument, filled)

    def line(self, seq: int) -> str:
        """The line of the log: the document with its sequence number and a checksum."""
        document = self.document()
        # ASCII, because a file name that is not valid UTF-8 can only be written with escapes.
        return json.dumps({"seq": seq, **document, "check": _checksum(document)}, ensure_ascii=True)

    @classmethod
    def from_document(cls, document: object) -> Self:
        """The entry that a JSON value describes. Raises DamagedEntryError."""
        if not isinstance(document, Mapping):
            raise DamagedEntryError("it is not a JSON object")
        values = {key: value for key, value in document.items() if key not in ("seq", "check")}
        if "check" in document and document["check"] != _checksum(values):
            raise DamagedEntryError("its checksum does not match its content")
        try:
            return cls(**_parse_fields(values))
        except TypeError as error:
            raise DamagedEntryError("it lacks fields of an entry") from error


def parse(line: bytes) -> Entry:
    """The entry on a line of the log. Raises DamagedEntryError."""
    try:
        return Entry.from_document(json.loads(line))
    except DamagedEntryError:
        raise
    except (ValueError, RecursionError) as error:
        raise DamagedEntryError("it is not JSON") from error


def new_uid() -> str:
    """A random name for an entry or a batch, unique across all logs: logs of several people are merged."""
    return secrets.token_hex(8)


def current_author() -> str:
    """Who decides: SCENESCOPE_WHO, or the name of the account."""
    try:
        return (os.environ.get("SCENESCOPE_WHO") or getpass.getuser())[:80]
    except (KeyError, OSError):  # an account without a name
        return "unknown"


def _checksum(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _parse_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an entry, each checked to be of its type."""
    fields = {}
    for name in Entry.__slots__:
        key = _KEYS.get(name, name)
        value = document.get(key)
        if value is None:
            continue
        if name in ("replaces", "undoes"):
            if not isinstance(value, list) or not all(map(_is_text, value)):
                raise DamagedEntryError(f"its {key} is not a list of entries")
            value = tuple(value)
        elif name in ("time", "id"):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise DamagedEntryError(f"its {key} is not a number")
            value = float(value) if name == "time" else int(value)
        elif not _is_text(value):
            raise DamagedEntryError(f"its {key} is not text")
        fields[name] = value
    _check_required(fields)
    return fields


def _check_required(fields: Mapping[str, Any]) -> None:
    action = fields.get("action")
    if action not in (*DECISIONS, *REVERSALS):
        raise DamagedEntryError(f"there is no action {str(action)[:40]!r}")
    if action in DECISIONS and not fields.get("content"):
        raise DamagedEntryError("it names no image")
    if action == "relabel" and not fields.get("new_class"):
        raise DamagedEntryError("it names no class")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT
