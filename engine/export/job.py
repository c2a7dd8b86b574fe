"""Handing over in the background: `runs/<id>/handed/<format>/` holds the job's files, the file made, and what was found of it."""

import sys
from pathlib import Path
from typing import Any

from engine.core.files import read_json, remove, write_json
from engine.core.jobs import Job, JobStatus, ReportProgress
from engine.core.paths import runs_dir
from engine.export.formats import FORMATS, check
from engine.runs.run import Run, load_run

_RESULT = "result.json"


def job(run_id: str, format: str) -> Job:
    check(format)
    return Job(runs_dir() / run_id / "handed" / format, "engine.export.job", f"{run_id}:{format}")


def start(made: Run, format: str) -> None:
    """Make the file in a process of its own, unless one is at it."""
    job(made.id, format).start()


def progress(made: Run, format: str) -> JobStatus:
    return job(made.id, format).status()


def stop(made: Run, format: str) -> None:
    job(made.id, format).stop()


def result(made: Run, format: str) -> dict[str, Any] | None:
    """What `export` said of the file, where it is there and made of the run's present model."""
    folder = job(made.id, format).folder
    document = read_json(folder / _RESULT)
    there = isinstance(document, dict) and document.get("model") == _newest(made) and file(made, format).is_file()
    return document if there else None


def file(made: Run, format: str) -> Path:
    return job(made.id, format).folder / f"{made.id}{FORMATS[format].suffix}"


def make(made: Run, format: str, report: ReportProgress) -> None:
    """The file and its result, each whole or absent. Raises UserError."""
    from engine.export.export import export

    folder, model = job(made.id, format).folder, _newest(made)
    remove(folder / _RESULT)
    handed = export(made, format, file(made, format), report)
    write_json(folder / _RESULT, {**handed.to_dict(), "model": model})


def _newest(made: Run) -> str:
    return max((folder.name for folder in (made.path / "checkpoints").glob("best-[0-9]*")), default="")


def main(argument: str) -> int:
    run_id, _, format = argument.partition(":")
    made = load_run(run_id)
    return job(made.id, format).run(lambda report: make(made, format, report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
