"""The process of one run: `python -m engine.training.worker RUN_DIRECTORY`.

It holds the run's lease, waits for its turn, prepares, trains, evaluates; it writes the run directory and nothing else.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import psutil

from engine.core.errors import UserError
from engine.core.failure import explain
from engine.core.files import remove
from engine.core.processes import begin_log, take_lease
from engine.core.progress import Cancelled
from engine.runs import queue
from engine.runs.run import PAUSE, PAUSED, Run
from engine.training import distributed
from engine.training.divergence import DivergenceError
from engine.training.recorder import Recorder, RunRecorder, overwrite_status, read_status
from engine.training.stop_signals import handle_signals

_POLL = 0.5  # seconds between two looks at the queue
_RESERVE = 256 << 20  # bytes free on the disk: with less, a run that waited goes on waiting
_UNSAVED = "It ended while the disk was full: its progress since the last checkpoint is lost."
_THEN_RESUME = "then resume: the run continues from its last checkpoint."
_SAVE_MEMORY = "Set a smaller batch_size or image_size, or a smaller model."
_NO_SPACE = "it is this run's turn, but the disk has less than 256 MB left: it starts as soon as there is space"


def main(path: Path) -> int:
    """Run to the end, however it ends; 1 where that was an error that no one foresaw."""
    if not distributed.is_leader():
        return _follow(path)
    lease = take_lease(path / "lease")
    if lease is None:
        return 0  # another process runs this run already, or it was deleted
    if distributed.process_count() > 1:
        remove(path / "stop")  # torchrun started it, and no launcher that would have removed the old marker
    try:
        return _guarded(path)
    finally:
        _end_children()
        with contextlib.suppress(OSError):
            queue.leave(path)
            lease.release()


def _follow(path: Path) -> int:
    """The whole life of a process of a rank other than 0: compute its share, and leave every decision to rank 0."""
    for ignored in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)
    run = Run(path.name, path)
    if run.config.method == "finetune":
        from engine.training.job import train

        # Rank 0 meets the same ones, and reports them.
        with contextlib.suppress(Cancelled, UserError):
            train(run, Recorder())
    return 0


def _guarded(path: Path) -> int:
    recorder = None
    try:
        begin_log()
        recorder = RunRecorder(path)
        handle_signals(first=recorder.request_stop, second=lambda: _end_at_once(path))
        _wait_for_turn(path, recorder)
        # Only now: importing torch takes hundreds of megabytes, which a run that waits in the queue does not need.
        from engine.training.job import execute

        execute(Run(path.name, path), recorder)
    except Cancelled:
        _record_stop(path, recorder)
    except Exception as error:
        return _record_failure(path, recorder, error)
    return 0


def _record_stop(path: Path, recorder: RunRecorder | None) -> None:
    waiting_for_space = read_status(path).get("waiting")
    if recorder:
        recorder.record_end("stopped", hint=_UNSAVED if waiting_for_space else "", detail=_reason(path))


def _reason(path: Path) -> str:
    marker = path / "stop"
    return PAUSED if marker.exists() and marker.read_text() == PAUSE else "stopped on request"


def _record_failure(path: Path, recorder: RunRecorder | None, error: Exception) -> int:
    """End as `failed`, with what went wrong; silently where the run was deleted meanwhile. 1 for an error that no one foresaw."""
    if not (path / "config.json").is_file():
        _remove_remains(path)
        return 0
    expected = isinstance(error, UserError)
    if not expected:
        with contextlib.suppress(OSError):  # the disk of the log may be the one that is full
            traceback.print_exc()
    message, hint = explain(error, _THEN_RESUME, _SAVE_MEMORY, "train.log")
    if recorder:
        cause = error.event if isinstance(error, DivergenceError) else None
        recorder.record_end("failed", message, hint, cause=cause)
    else:
        with contextlib.suppress(OSError):
            overwrite_status(path, {"state": "failed", "error": message, "hint": hint})
    return 0 if expected else 1


def _remove_remains(path: Path) -> None:
    """Remove what this process wrote while the directory was being deleted; a directory that holds anything else is left alone."""
    with contextlib.suppress(OSError):
        remove(path / "status.json")
        for folder in (path / "checkpoints", path):
            folder.rmdir()


def _wait_for_turn(path: Path, recorder: RunRecorder) -> None:
    """Wait, first come first served, until fewer runs than there are slots are ahead; raises Cancelled where the wait is ended.

    A run that had to wait also waits for disk space: if the runs before it filled the disk, a whole queue would fail one by one.
    """
    slots, last_detail = queue.slots(), ""
    while True:
        if recorder.stop_requested():
            raise Cancelled
        ahead = queue.runs_ahead(path)
        if ahead is None:
            recorder.retry_when_full(queue.join, path)
            continue
        if len(ahead) >= slots:
            detail = _place(len(ahead) - slots)
        elif last_detail and shutil.disk_usage(path).free < _RESERVE:
            detail = _NO_SPACE
        else:
            return
        if detail != last_detail:
            last_detail = detail
            with contextlib.suppress(OSError):  # the disk may be full to the last byte
                recorder.wait_in_queue(detail)
        time.sleep(_POLL)


def _place(waiting_before: int) -> str:
    if waiting_before == 0:
        return "another run is active; this one is next"
    return f"another run is active; {waiting_before} more wait{'s' if waiting_before == 1 else ''} before this one"


def _end_at_once(path: Path) -> None:
    """What a second signal does: nothing more is saved, and no process of the run stays alive."""
    with contextlib.suppress(OSError):
        overwrite_status(
            path,
            {"state": "interrupted", "error": "The run was ended at once, by a second signal.",
             "hint": "Resume it: it continues from its last checkpoint."},
        )  # fmt: skip
    _end_children()
    # SIGKILL: an orderly exit would wait for the main thread, which may be deep in a batch.
    os.kill(os.getpid(), signal.SIGKILL)


def _end_children() -> None:
    """Processes that decode or prepare batches for the run must not outlive it."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    # Where rank 0 ended before it met the others, they wait for it in vain: torchrun ends them if this process fails.
    code = code or int(not distributed.has_joined())
    # A log on a full disk cannot be flushed. _exit, as the threads of the numerical libraries have nothing left to do
    # and must not delay the end.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)
