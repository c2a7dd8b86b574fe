"""Measuring what a probe measures, in its job or for the command line; see `engine.training.probes`."""

import contextlib
import sys
import time

from engine.core.errors import DiskError
from engine.core.files import remove
from engine.core.jobs import Job
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.runs.config import Config
from engine.training import probes, time_estimate
from engine.training.probes import PointDocument, ProbeResult

_INTERVAL = 0.25  # seconds between two writes of the points


def measure(probe: Job, config: Config, report: ReportProgress = ignore_progress) -> ProbeResult:
    """What the probe measures, which is also written to its folder. Raises UserError, and what `report` raises."""
    remove(probe.folder / "result.json")
    report(Progress("loading the model"))
    result = _find_learning_rate(probe, config, report) if probe.kind == "lr-find" else _estimate(config, report)
    probes.write_result(probe, result)
    return result


def _find_learning_rate(probe: Job, config: Config, report: ReportProgress) -> ProbeResult:
    from engine.training.lr_finder import run_range_test, suggest_learning_rate

    points, documents, written = [], list[PointDocument](), 0.0
    for point in run_range_test(config, report):
        points.append(point)
        documents.append({"lr": point.lr, "loss": point.loss, "smoothed": point.smoothed})
        if time.monotonic() - written > _INTERVAL:
            written = time.monotonic()
            with contextlib.suppress(DiskError):  # a curve that cannot be drawn yet is no reason to end
                probes.write_result(probe, {"points": documents})
    rate, reason = suggest_learning_rate(points)
    return {"points": documents, "suggestion": rate, "reason": reason}


def _estimate(config: Config, report: ReportProgress) -> ProbeResult:
    from engine.training.measure_speed import measure as measure_speeds

    speeds = measure_speeds(config, report)
    time_estimate.save_speeds(config, speeds)
    return {"estimate": time_estimate.estimate_document(config, speeds)}


def main(argument: str) -> int:
    probe, config = probes.started_job(argument)
    return probe.run(lambda report: measure(probe, config, report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
