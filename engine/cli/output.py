"""How the commands print."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.core.jobs import ReportProgress
from engine.core.text_output import one_line

if TYPE_CHECKING:
    from engine.data.unused_files import UnusedReport

_LISTED = 20  # files per reason; --json has more


def print_json(document: Any) -> None:
    """Print one JSON document. NaN becomes null, because JSON has no NaN."""
    print(json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False))


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


def progress_line(label: str) -> Callable[[int, int], None]:
    """A progress callback that rewrites one line of standard error, and prints nothing where that is not a terminal."""
    start = time.monotonic()

    def show(done: int, total: int) -> None:
        if not sys.stderr.isatty() or not total:
            return
        elapsed = time.monotonic() - start
        left = f", {elapsed / done * (total - done):.0f} s left" if done and elapsed > 1 else ""
        end = "\n" if done == total else ""
        print(f"\r{label}: {done:,} of {total:,}{left}    ", end=end, file=sys.stderr, flush=True)

    return show


def progress_lines() -> ReportProgress:
    """A progress callback with one line per phase."""
    lines: dict[str, Callable[[int, int], None]] = {}

    def report(phase: str, done: int, total: int) -> None:
        if phase not in lines:
            lines[phase] = progress_line(phase)
        lines[phase](done, total)

    return report


def json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
