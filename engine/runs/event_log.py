"""`events.jsonl`: what happened in a run, one JSON document per line, append only."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.core.files import append_line, open_for_lines, truncate


def read_events(file: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The events from byte `offset` on, and the offset to go on from; a last line that is still being written is left for next time."""
    try:
        with open(file, "rb") as stream:
            stream.seek(offset)
            text = stream.read()
    except FileNotFoundError:
        return [], offset
    whole = text[: text.rfind(b"\n") + 1]
    return _parse_events(whole, offset), offset + len(whole)


class EventLog:
    """`events.jsonl`: whole lines, one per event, with a rising `seq`. A line that does not fit on the disk is not begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq = _repair(path)
        self._descriptor = open_for_lines(path)

    def append(self, event: dict[str, Any]) -> None:
        line = json.dumps({"seq": self._seq + 1, "time": round(time.time(), 3), **event}) + "\n"
        append_line(self._descriptor, self._path, line.encode())
        # Only now: a line that did not fit is tried again under the same number.
        self._seq += 1


def _parse_events(whole: bytes, offset: int) -> list[dict[str, Any]]:
    """The events of whole lines, which begin at byte `offset` of the file."""
    try:
        # All lines as one document: twice as fast as line by line, for a hundred thousand steps.
        events = json.loads(b"[" + b",".join(whole.splitlines()) + b"]")
    except ValueError:
        return list(_parse_lines(whole, offset))
    return events if all(isinstance(event, dict) for event in events) else list(_parse_lines(whole, offset))


def _parse_lines(text: bytes, offset: int) -> Iterator[dict[str, Any]]:
    """The events of whole lines; a message that names the place stands for a damaged line."""
    seq = 0
    for line in text.splitlines(keepends=True):
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict):
            seq = event.get("seq", seq)
            yield event
        else:
            message = f"A line of events.jsonl is damaged and was passed over (byte {offset:,})."
            yield {"seq": seq, "time": 0.0, "kind": "message", "text": message, "level": "warning"}
        offset += len(line)


def _repair(path: Path) -> int:
    """Cut the torn last line that a killed writer may have left; the highest `seq`."""
    if not path.exists():
        return 0
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        truncate(path, len(whole))
    # From the end, past damaged lines: the numbers must go on rising.
    for line in reversed(whole.splitlines()):
        seq = _seq(line)
        if seq is not None:
            return seq
    return 0


def _seq(line: bytes) -> int | None:
    """The line's number; None for a damaged line."""
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, TypeError, KeyError):
        return None
