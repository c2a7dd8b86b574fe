"""Answering many pictures in the background: a process of its own, which goes on where it, or another, was ended."""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.core.jobs import Job, ReportProgress
from engine.inference import ood, verdict
from engine.inference.batch.predictions import missing_predictions, predict_batch
from engine.inference.batch.store import Batch, load_batch
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.models.model import Model

_ASKED = "asked.json"
_POLITE = 5  # niceness: a training, and the pages, go first


def job(of: Batch) -> Job:
    """The process that answers a batch."""
    return Job(of.path / "job", "engine.inference.batch.job", of.id)


def start(of: Batch, runs: Sequence[Run]) -> None:
    """Have these runs answer what they have not answered yet."""
    write_json(of.path / _ASKED, [one.id for one in runs])
    job(of).start()


def delete(of: Batch) -> None:
    """Remove the batch, and end what answers it."""
    job(of).stop()
    of.delete()


def work(of: Batch, report: ReportProgress) -> None:
    """Answer what is missing, run by run. Raises UserError, and what `report` raises: what was made is kept."""
    from engine.models import model

    for run_id in read_json(of.path / _ASKED, []):
        one, total = load_run(run_id), len(of.pictures)
        done = total - len(missing_predictions(of, one))
        if done == total:
            continue
        report("loading the model", 0, 1)
        loaded = model.load_model(one.path)
        if ood.load_detector(one) is None:
            _prepare(one, loaded, report)
        judge = verdict.load_judge([one])
        with contextlib.closing(predict_batch(of, one, loaded, judge)) as going:
            for rows in going:
                done += len(rows)
                report(f"answers of {one.id}", done, total)


def _prepare(one: Run, loaded: "Model", report: ReportProgress) -> None:
    try:
        ood.fit_detector(one, loaded, report)
    except UserError:  # the dataset is gone: the run answers without a measure of the unknown
        report("answers", 0, 1)


if __name__ == "__main__":
    os.nice(_POLITE)
    found = load_batch(sys.argv[1])
    sys.exit(job(found).run(lambda report: work(found, report)))
