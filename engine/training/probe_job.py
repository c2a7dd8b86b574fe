"""The process of one probe: `python -m engine.training.probe_job KIND ID LEASE_DESCRIPTOR`; see `engine.training.probes`."""

import contextlib
import os
import sys
import time
import traceback
from typing import Any

from engine.core.errors import DiskError, UserError
from engine.core.lease import Lease
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.runs.config import Config, from_dict
from engine.training import probes, time_estimate
from engine.training.failure import explain
from engine.training.probes import KINDS, Kind, ProbeDocument

_INTERVAL = 0.25  # seconds between two writes of the file


def run_probe(kind: Kind, name: str, config: Config, report: ReportProgress = ignore_progress) -> ProbeDocument:
    """Measure, and write the probe's file on the way; the finished document. Raises UserError, which the file records too."""
    file = _ProbeFile(kind, name, config)
    try:
        measured = _find_learning_rate(config, file, report) if kind == "lr-find" else _estimate(config, file, report)
        return file.write(state="finished", progress=1.0, **measured)
    except Exception as error:
        message, hint = explain(error)
        with contextlib.suppress(DiskError):
            file.write(state="failed", error=message, hint=hint)
        raise


class _ProbeFile:
    """Writes the probe's file, not more often than a page looks at it."""

    def __init__(self, kind: Kind, name: str, config: Config) -> None:
        self.kind, self.name, self.config, self._last = kind, name, config, 0.0

    def write(self, **document: Any) -> ProbeDocument:
        return probes.write(self.kind, self.name, **{"config": self.config.to_dict(), **document})

    def write_progress(self, progress: float, **document: Any) -> None:
        if time.monotonic() - self._last > _INTERVAL:
            self._last = time.monotonic()
            with contextlib.suppress(DiskError):  # progress that cannot be written is no reason to end
                self.write(state="running", progress=progress, **document)


def _find_learning_rate(config: Config, file: _ProbeFile, report: ReportProgress) -> dict[str, Any]:
    from engine.training.lr_finder import STEPS, run_range_test, suggest_learning_rate

    points, documents = [], []
    file.write(state="running", detail="loading the model", points=[])
    for point in run_range_test(config, report):
        points.append(point)
        documents.append(point.to_dict())
        file.write_progress(len(points) / STEPS, detail="raising the learning rate", points=documents)
    rate, reason = suggest_learning_rate(points)
    return {"detail": "", "points": documents, "suggestion": rate, "reason": reason}


def _estimate(config: Config, file: _ProbeFile, report: ReportProgress) -> dict[str, Any]:
    from engine.training.measure_speed import measure

    def write_and_report(progress: Progress) -> None:
        with contextlib.suppress(DiskError):
            file.write(state="running", progress=progress.share, detail=progress.phase)
        report(progress)

    speeds = measure(config, write_and_report)
    time_estimate.save_speeds(config, speeds)
    return {"detail": "", "result": time_estimate.estimate_document(config, speeds)}


def main(kind: Kind, name: str, descriptor: int) -> int:
    lease = Lease(probes.probe_file(kind, name).with_suffix(".lease"))
    if not lease.adopt(descriptor):
        return 1
    try:
        document = probes.read(kind, name)
        if document is None:
            return 1
        run_probe(kind, name, from_dict(document["config"]))
    except UserError:
        return 0  # the file says it
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        lease.release()
    return 0


if __name__ == "__main__":
    probe_kind = next(kind for kind in KINDS if kind == sys.argv[1])
    code = main(probe_kind, sys.argv[2], int(sys.argv[3]))
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)
