"""Export in the background: `runs/<id>/handed/<format>/` holds the job's files, the exported file and the result of its check."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.files import read_json, remove, write_json
from engine.core.jobs import Job
from engine.core.paths import runs_dir
from engine.core.progress import ReportProgress
from engine.export.formats import FORMATS, check_format
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.export.export import ExportDocument  # loads torch

_RESULT = "result.json"


def job(run_id: str, format: str) -> Job:
    """The background process that exports a run in one format. Raises UserError for an unknown format."""
    check_format(format)
    return Job("export", runs_dir() / run_id / "handed" / format, f"{run_id}/{format}", {"run": run_id, "format": format})


def result(run: Run, format: str) -> "ExportDocument | None":
    """The document of the last `ExportResult`; None where the file is missing or was exported from an earlier checkpoint of the run."""
    document = read_json(job(run.id, format).folder / _RESULT)
    is_current = isinstance(document, dict) and document.get("model") == _newest(run) and exported_file(run, format).is_file()
    return document if is_current else None


def exported_file(run: Run, format: str) -> Path:
    return job(run.id, format).folder / f"{run.id}{FORMATS[format].suffix}"


def export_and_record(run: Run, format: str, report: ReportProgress) -> None:
    """Write the file and its result, each whole or absent. Raises UserError."""
    from engine.export.export import export

    folder, model = job(run.id, format).folder, _newest(run)
    # First: a kill in between must not leave a new file with the result of the old one.
    remove(folder / _RESULT)
    document = export(run, format, exported_file(run, format), report).to_dict()
    write_json(folder / _RESULT, {**document, "model": model})


def _newest(run: Run) -> str:
    """The name of the best model's newest checkpoint; "" where there is none."""
    return max((folder.name for folder in (run.path / "checkpoints").glob("best-[0-9]*")), default="")


def main(argument: str) -> int:
    run_id, _, format = argument.partition("/")
    run = load_run(run_id)
    return job(run.id, format).run(lambda report: export_and_record(run, format, report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
