"""Adds a dataset in the background."""

import sys
from dataclasses import dataclass

from engine.core.files import remove_folder
from engine.core.jobs import Job, JobStatus, load_jobs
from engine.data import analysis, datasets


@dataclass(frozen=True)
class PendingDataset:
    """A dataset that is being added, or whose adding has failed or was stopped."""

    name: str
    source: str
    job: Job
    status: JobStatus

    @property
    def is_working(self) -> bool:
        return self.status.state == "working"


def job(source: str, name: str) -> Job:
    """The process that adds `source` under this name."""
    return Job("scan", datasets.adding_folder(name), f"{name}/{source}", {"dataset": name})


def start(source: str, name: str | None = None) -> str:
    """Add the dataset in a new process and return its name. Raises UserError for problems that show without reading images."""
    name = datasets.check_source(source, name)
    job(source, name).start()
    return name


def list_pending() -> list[PendingDataset]:
    """Datasets that are being added, and those that failed or were stopped and were not dismissed."""
    entries = [PendingDataset(one.folder.name, one.argument.partition("/")[2], one, one.status()) for one in load_jobs("scan")]
    return [entry for entry in entries if entry.status.state in ("working", "failed", "stopped")]


def dismiss(name: str) -> None:
    """Remove the entry of a dataset whose adding has ended."""
    if job("", name).status().state != "working":
        remove_folder(datasets.adding_folder(name))


def main(argument: str) -> int:
    name, _, source = argument.partition("/")
    adding = job(source, name)
    code = adding.run(lambda report: datasets.add_dataset(source, name, report))
    if adding.status().state != "done":
        return code
    # The dataset is usable now; this computes in advance what its pages would wait for.
    return analysis.job(name).run(lambda report: analysis.analyse(datasets.load_dataset(name), report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
