"""How the commands print."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.core.text_output import one_line

if TYPE_CHECKING:
    from engine.data.unused_files import UnusedReport

_NAMED = 20  # files of a kind that are listed; --json has more


def print_json(document: Any) -> None:
    """One JSON document; what JSON cannot say (NaN) becomes null."""
    print(json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns aligned on spaces; numbers to the right. A name with a line break stays on its line."""
    header = [one_line(cell) for cell in header]
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    for row in [list(header), *cells]:
        aligned = (cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numeric, strict=True))
        print("  ".join(aligned).rstrip())


def print_unused(report: "UnusedReport") -> None:
    """Every file that is not used, by reason; of each kind the first are named."""
    for note in report.notes:
        print(one_line(note))
    if not report.files:
        return
    print(f"\n{report.headline}:")
    for group in report.groups:
        print(one_line(f"{group.sentence}. {group.hint}".strip()))
        named = group.named[:_NAMED]
        for item in named:
            print(f"  {one_line(item.path)}: {item.reason}" + (f" ({item.files:,} files)" if item.path.endswith("/") else ""))
        if (rest := group.files - sum(item.files for item in named)) > 0:
            print(f"  and {rest:,} more")


def progress_line(label: str) -> Callable[[int, int], None]:
    """A progress callback that rewrites one line of standard error, or stays silent where that is no terminal."""
    began = time.monotonic()

    def show(done: int, total: int) -> None:
        if not sys.stderr.isatty() or not total:
            return
        elapsed = time.monotonic() - began
        left = f", {elapsed / done * (total - done):.0f} s left" if done and elapsed > 1 else ""
        end = "\n" if done == total else ""
        print(f"\r{label}: {done:,} of {total:,}{left}    ", end=end, file=sys.stderr, flush=True)

    return show


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
