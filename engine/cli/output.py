"""How the commands print."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any


def print_json(document: Any) -> None:
    """One JSON document; what JSON cannot say (NaN) becomes null."""
    print(json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns aligned on spaces; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    for row in [list(header), *cells]:
        aligned = (cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numeric, strict=True))
        print("  ".join(aligned).rstrip())


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
