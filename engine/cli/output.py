"""How the commands print."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.core.progress import Pace, Progress, ReportProgress
from engine.core.text_output import one_line

if TYPE_CHECKING:
    from engine.data.unused_files import UnusedReport

_LISTED = 20  # files per reason; --json has more


def print_json(document: Any) -> None:
    """Print one JSON document. NaN becomes null, because JSON has no NaN."""
    print(json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False))


def print_result(document: Any, text: str, as_json: bool) -> None:
    """Print a result that is one sentence, or its document."""
    if as_json:
        print_json(document)
    else:
        print(text)


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns padded with spaces, numbers aligned right. Line breaks in names are escaped, so that every row is one line."""
    names = [one_line(name) for name in header]
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [names, *cells]) for i in range(len(names))]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(names))]
    for row in [names, *cells]:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        print("  ".join(aligned).rstrip())


def print_unused(report: "UnusedReport") -> None:
    """Print how many files are not used, by reason, and list the first of each."""
    for note in report.notes:
        print(one_line(note))
    if not report.files:
        return
    print(f"\n{report.headline}:")
    for group in report.groups:
        print(one_line(f"{group.sentence}. {group.hint}".strip()))
        listed = group.named[:_LISTED]
        for item in listed:
            print(f"  {one_line(item.path)}: {item.reason}" + (f" ({item.files:,} files)" if item.path.endswith("/") else ""))
        rest = group.files - sum(item.files for item in listed)
        if rest > 0:
            print(f"  and {rest:,} more")


def progress_line(label: str = "") -> ReportProgress:
    """Shows progress in one line of standard error per phase, or under the one `label`; nothing where that is not a terminal."""
    pace, width = Pace(), 0

    def show(progress: Progress) -> None:
        nonlocal width
        if not sys.stderr.isatty():
            return
        seconds, is_over = pace.seconds_left(progress), progress.done >= progress.total > 1
        text = replace(progress, phase=label or progress.phase).text(seconds)
        # Spaces over the rest of a longer text that the line held before.
        print(f"\r{text.ljust(width)}", end="\n" if is_over else "", file=sys.stderr, flush=True)
        width = 0 if is_over else max(width, len(text))

    return show


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
