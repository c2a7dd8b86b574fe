"""What runs in the background on this home: trainings, those that wait for their turn included, and jobs of every kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from engine.core.errors import UserError
from engine.core.job_kinds import KINDS, Page
from engine.core.jobs import Job, list_jobs
from engine.core.progress import Progress
from engine.runs import queue
from engine.runs.run import Run, load_run
from engine.training import launcher

_TRAINING = "training"


class ActivityDocument(TypedDict):
    """An activity as a JSON document."""

    name: str
    title: str
    state: str
    phase: str
    done: int
    total: int
    progress: float
    eta: float | None
    about: dict[str, str]


@dataclass(frozen=True)
class Activity:
    """A process that is at work. `name`: for `stop`; `page`: where it is watched; `about`: as in `Job`; `share`: 0 to 1."""

    name: str
    title: str
    page: Page
    about: Mapping[str, str]
    state: str
    progress: Progress
    share: float
    eta: float | None

    def document(self) -> ActivityDocument:
        progress = self.progress
        return {
            "name": self.name, "title": self.title, "state": self.state, "phase": progress.phase, "done": progress.done,
            "total": progress.total, "progress": round(self.share, 4), "eta": self.eta, "about": dict(self.about),
        }  # fmt: skip


def list_activities() -> list[Activity]:
    """Everything that is alive, trainings first, in the order of the queue."""
    jobs = ((job, job.status()) for job in list_jobs())
    return [
        *(_of_run(run) for run in _live_runs()),
        *(
            Activity(
                job.name, job.title, KINDS[job.kind].page, job.about, "stopping" if job.stop_requested else "working",
                status.progress, status.progress.share, status.eta,
            )
            for job, status in jobs
            if status.state == "working"
        ),
    ]  # fmt: skip


def stop(name: str) -> None:
    """Request that what is named so saves and ends. Raises UserError where nothing of this name is alive."""
    alive: dict[str, Job] = {job.name: job for job in list_jobs()}
    runs = {f"{_TRAINING}/{run.id}": run for run in _live_runs()}
    if name in alive:
        alive[name].stop()
    elif name in runs:
        launcher.stop(runs[name])
    else:
        raise UserError(f"Nothing named {name!r} is running.", "List what runs with: python -m engine jobs")


def _live_runs() -> list[Run]:
    runs = []
    for run_id in queue.live_runs():
        try:
            runs.append(load_run(run_id))
        except UserError:  # deleted since
            continue
    return [run for run in runs if run.status.active]


def _of_run(run: Run) -> Activity:
    status, about = run.status, {"run": run.id, "dataset": run.config.dataset}
    state = "stopping" if run.request else status.word
    progress = Progress(status.detail or status.state)
    return Activity(
        f"{_TRAINING}/{run.id}", f"Training: {run.title}", "train", about, state, progress, status.progress, status.eta
    )
