"""A run's evaluation as one file: the report (.html), the model card (.md), or both and the tables (.zip)."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import write_bytes
from engine.core.progress import ReportProgress, ignore_progress
from engine.export.report import tables
from engine.export.report.data import ReportData, gather_data
from engine.export.report.rendering import card, page
from engine.export.report.tables import file_name
from engine.runs.run import Run

__all__ = ["KINDS", "file_name", "render", "write"]


def _zip(data: ReportData) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.html", page(data))
        archive.writestr("model-card.md", card(data))
        for name, table in tables.files(data):
            archive.writestr(name, table)
    return content.getvalue()


KINDS: dict[str, Callable[[ReportData], bytes]] = {
    ".html": lambda data: page(data).encode("utf-8", "replace"),
    ".md": lambda data: card(data).encode("utf-8", "replace"),
    ".zip": _zip,
}


def render(run: Run, kind: str, split: str = "test", report: ReportProgress = ignore_progress) -> bytes:
    """The content of the file. `kind`: its extension, one of KINDS. Raises UserError."""
    if kind not in KINDS:
        raise UserError(
            f"A report cannot be written as {kind or 'a file without an extension'}.",
            f"Choose an extension from: {', '.join(KINDS)}.",
        )
    return KINDS[kind](gather_data(run, split, report))


def write(run: Run, file: Path, split: str = "test", report: ReportProgress = ignore_progress) -> Path:
    """Write the report, whole or not at all; the path of the file. Raises UserError."""
    content = render(run, file.suffix.lower(), split, report)
    if not file.absolute().parent.is_dir():
        raise UserError(f"There is no folder {str(file.absolute().parent)!r}.", "Create it first, or name another file.")
    write_bytes(file, content)
    return file
