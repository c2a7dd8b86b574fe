"""The process of one run: `python -m engine.training.worker RUN_DIRECTORY [LEASE_DESCRIPTOR]`.

It holds the run's lease, waits for its turn, prepares, trains, evaluates; it writes the run directory and nothing else.
"""

import contextlib
import faulthandler
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import psutil

from engine.core.errors import UserError
from engine.core.files import read_json, remove
from engine.core.lease import Lease
from engine.core.text_output import utc
from engine.runs import queue
from engine.runs.exit_cause import STARTED
from engine.runs.run import PAUSE, PAUSED, Run
from engine.training import distributed
from engine.training.failure import explain
from engine.training.recorder import Recorder, Stopped, overwrite_status
from engine.training.signals import handle_signals

_POLL = 0.5  # seconds between two looks at the queue
_ROOM = 256 << 20  # bytes free on the disk: with less, a run that waited waits on
_UNSAVED = "It ended while the disk was full: its progress since the last checkpoint is lost."
_SHORT = "it is this run's turn, but the disk has less than 256 MB left: it starts as soon as there is space"


def main(path: Path, descriptor: int | None = None) -> int:
    """Run to the end, whatever it is; 1 where it was an error that no one foresaw. `descriptor`: of the lease, if it is held."""
    if not distributed.is_leader():
        return _follow(path)
    lease = Lease(path / "lease")
    if not (lease.acquire() if descriptor is None else lease.adopt(descriptor)):
        return 0  # another process runs this run already, or it was deleted
    if distributed.process_count() > 1:
        remove(path / "stop")  # no launcher took away what ended it last time
    try:
        return _guarded(path)
    finally:
        _end_children()
        with contextlib.suppress(OSError):
            queue.leave(path)
            lease.release()


def _follow(path: Path) -> int:
    """The whole life of a process of another rank than 0: compute its share, and leave every decision to rank 0."""
    for ignored in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)
    run = Run(path.name, path)
    if run.config.method == "finetune":
        from engine.training.job import train

        # Both are rank 0's to report.
        with contextlib.suppress(Stopped, UserError):
            train(run, distributed.SilentRecorder())
    return 0


def _guarded(path: Path) -> int:
    recorder = None
    try:
        with contextlib.suppress(OSError):  # the log's disk may be full
            print(f"{STARTED}{utc(time.time())}, process {os.getpid()}", flush=True)  # noqa: T201 - train.log
        faulthandler.enable()
        recorder = Recorder(path)
        handle_signals(first=recorder.request_stop, second=lambda: _end_at_once(path))
        _wait_for_turn(path, recorder)
        # Only now: a run that waits in the queue stays small.
        from engine.training.job import execute

        execute(Run(path.name, path), recorder)
    except Stopped:
        _say_stopped(path, recorder)
    except Exception as error:
        return _fail(path, recorder, error)
    return 0


def _say_stopped(path: Path, recorder: Recorder | None) -> None:
    known = read_json(path / "status.json")
    waited = isinstance(known, dict) and known.get("waiting")
    if recorder:
        recorder.last_word("stopped", hint=_UNSAVED if waited else "", detail=_reason(path))


def _reason(path: Path) -> str:
    marker = path / "stop"
    return PAUSED if marker.exists() and marker.read_text() == PAUSE else "stopped on request"


def _fail(path: Path, recorder: Recorder | None, error: Exception) -> int:
    """End as `failed` with a sentence; without a word where the run was deleted meanwhile: there is no one to tell."""
    if not (path / "config.json").is_file():
        _remove_remains(path)
        return 0
    expected = isinstance(error, UserError)
    with contextlib.suppress(OSError):  # the disk of the log may be the one that is full
        if not expected:
            traceback.print_exc()
    message, hint = explain(error)
    if recorder:
        recorder.last_word("failed", message, hint)
    else:
        with contextlib.suppress(OSError):
            overwrite_status(path, {"state": "failed", "error": message, "hint": hint})
    return 0 if expected else 1


def _remove_remains(path: Path) -> None:
    """What this process wrote while the directory was being deleted; a directory that holds anything else is left alone."""
    with contextlib.suppress(OSError):
        remove(path / "status.json")
        for folder in (path / "checkpoints", path):
            folder.rmdir()


def _wait_for_turn(path: Path, recorder: Recorder) -> None:
    """Wait, first come first served, until fewer runs than there are slots are ahead; raises Stopped where the wait is ended.

    A run that had to wait is not to fail one after the other with those before it, because the disk has run full meanwhile.
    """
    slots, told = queue.slots(), ""
    while True:
        if recorder.stop_requested():
            raise Stopped
        before = queue.runs_ahead(path)
        if before is None:
            recorder.retry_when_full(queue.join, path)
            continue
        if len(before) >= slots:
            said = _place(len(before) - slots)
        elif told and shutil.disk_usage(path).free < _ROOM:
            said = _SHORT
        else:
            return
        if said != told:
            told = said
            with contextlib.suppress(OSError):  # the disk may be full to the last byte
                recorder.wait_in_queue(said)
        time.sleep(_POLL)


def _place(waiting_before: int) -> str:
    if waiting_before == 0:
        return "another run is active; this one is next"
    return f"another run is active; {waiting_before} more wait{'s' if waiting_before == 1 else ''} before this one"


def _end_at_once(path: Path) -> None:
    """What a second signal asks for: nothing more is saved, nothing of the run stays alive."""
    with contextlib.suppress(OSError):
        overwrite_status(
            path,
            {"state": "interrupted", "error": "The run was ended at once, by a second signal.",
             "hint": "Resume it: it continues from its last checkpoint."},
        )  # fmt: skip
    _end_children()
    os.kill(os.getpid(), 9)


def _end_children() -> None:
    """Helpers that read or decode for the run must not outlive it."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    # The others wait for a process that will not come: torchrun ends them where this one fails.
    code = code or int(not distributed.has_joined())
    # A log on a full disk cannot be flushed; the threads of the numerical libraries have nothing left to do.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)
