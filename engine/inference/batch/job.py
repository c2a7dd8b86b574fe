"""Predicting a batch in the background: a separate process, which continues where an earlier one ended."""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.core.jobs import Job
from engine.core.progress import Progress, ReportProgress
from engine.inference import ood, verdict
from engine.inference.batch.predictions import missing_predictions, predict_batch
from engine.inference.batch.store import Batch, load_batch
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.models.model import Model

_RUNS = "asked.json"
_NICENESS = 5  # a training and the pages go first


def job(batch: Batch) -> Job:
    """The process that predicts a batch."""
    return Job("batch", batch.path / "job", batch.id, {"batch": batch.title})


def start(batch: Batch, runs: Sequence[Run]) -> None:
    """Start predicting with these runs what they have not predicted yet."""
    write_json(batch.path / _RUNS, [run.id for run in runs])
    job(batch).start()


def delete(batch: Batch) -> None:
    """Stop the process that predicts the batch, and remove the batch."""
    job(batch).stop()
    batch.delete()


def work(batch: Batch, report: ReportProgress) -> None:
    """Predict what is missing, run by run. Raises UserError, and what `report` raises; finished predictions are kept."""
    from engine.models import model

    for run_id in read_json(batch.path / _RUNS, []):
        run, total = load_run(run_id), len(batch.images)
        done = total - len(missing_predictions(batch, run))
        if done == total:
            continue
        report(Progress("loading the model"))
        loaded = model.load_model(run.path)
        if ood.load_detector(run) is None:
            _prepare(run, loaded, report)
        judge = verdict.load_judge([run])
        with contextlib.closing(predict_batch(batch, run, loaded, judge)) as parts:
            for rows in parts:
                done += len(rows)
                report(Progress(f"predicting with {run.id}", done, total))


def _prepare(run: Run, loaded: "Model", report: ReportProgress) -> None:
    try:
        ood.fit_detector(run, loaded, report)
    except UserError:  # the dataset is gone: predict without out-of-distribution scores
        report(Progress(f"predicting with {run.id}"))


if __name__ == "__main__":
    os.nice(_NICENESS)
    argument = load_batch(sys.argv[1])
    sys.exit(job(argument).run(lambda report: work(argument, report)))
