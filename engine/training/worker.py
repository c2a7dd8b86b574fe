"""The process of one run: `python -m engine.training.worker RUN_DIRECTORY`.

It holds the run's lease, waits for a slot, prepares, trains, evaluates; it writes the run directory and nothing else.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from engine.errors import UserError
from engine.home import runs_dir
from engine.launcher import SLOTS
from engine.lease import Lease
from engine.runs import PAUSE, PAUSED, Run, runs
from engine.training.facts import Message
from engine.training.record import Recorder, Stopped

_POLL = 0.5  # seconds between two looks at the queue


def main(path: Path) -> int:
    lease = Lease(path / "lease")
    if not lease.acquire():
        return 0  # another process runs this run already
    faulthandler.enable()
    recorder = Recorder(path)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: recorder.request_stop())
    try:
        with _slot(Run(path.name, path), recorder):
            # Only now: a run that waits in the queue stays small.
            from engine.training.job import execute

            execute(Run(path.name, path), recorder)
    except Stopped:
        recorder.state("stopped", _reason(path), progress=_progress(path))
    except UserError as error:
        recorder.record(Message(str(error), "error"))
        recorder.state("failed", error=error.message, hint=error.hint)
    except Exception as error:
        traceback.print_exc()
        message, hint = _explain(error)
        recorder.record(Message(message, "error"))
        recorder.state("failed", error=message, hint=hint)
        return 1
    finally:
        lease.release()
    return 0


def _explain(error: Exception) -> tuple[str, str]:
    """A sentence and a way out for an error that no one foresaw."""
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "The memory ran out.", "Set a smaller batch_size or image_size, or a smaller model."
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}.", "Mend that, then resume: the run goes on from its last checkpoint."
    return f"Unexpected {type(error).__name__}: {str(error)[:300]}", "The traceback is at the end of train.log."


def _reason(path: Path) -> str:
    marker = path / "stop"
    return PAUSED if marker.exists() and marker.read_text() == PAUSE else "stopped on request"


def _progress(path: Path) -> float:
    from engine.files import read_json

    return (read_json(path / "status.json") or {}).get("progress", 0.0)


@contextlib.contextmanager
def _slot(run: Run, recorder: Recorder) -> Iterator[None]:
    """Wait, first come first served, for one of the machine's slots; raises Stopped where the wait is ended."""
    folder = runs_dir() / ".slots"
    folder.mkdir(parents=True, exist_ok=True)
    slots = [Lease(folder / str(number)) for number in range(SLOTS)]
    waiting = False
    while True:
        if recorder.stop_requested():
            raise Stopped
        if _is_next(run):
            taken = next((slot for slot in slots if slot.acquire()), None)
            if taken:
                break
        if not waiting:
            recorder.wait_in_queue("another run is computing; this one is next in line or behind others")
            waiting = True
        time.sleep(_POLL)
    try:
        yield
    finally:
        taken.release()


def _is_next(run: Run) -> bool:
    """Whether no live run was queued before this one; `updated` stays the time of queueing while a run waits."""
    mine = (run.status.updated, run.id)
    others = ((other.status, other.id) for other in runs() if other.id != run.id)
    return not any(status.state == "queued" and (status.updated, id_) < mine for status, id_ in others)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    # Threads of the numerical libraries have nothing left to do.
    os._exit(code)
