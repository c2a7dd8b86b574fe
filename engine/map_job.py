"""Making a dataset's map in the background: a process of its own, whose progress stands in a file.

It can be ended at any moment: embeddings are cached by content as they are computed, so that the next one goes on from there.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine import mapping
from engine.data.datasets import Dataset, dataset
from engine.errors import UserError
from engine.files import read_json, write_json
from engine.home import PROJECT
from engine.lease import Lease, is_held

_INTERVAL = 0.3  # seconds between two updates of the file
_GRACE = 20.0  # seconds that an interpreter may need to start


@dataclass(frozen=True)
class Work:
    """The making of a map. `state`: none, working, stopped, failed, done; `began` is when the phase began."""

    state: str = "none"
    phase: str = ""
    done: int = 0
    total: int = 0
    first: int = 0  # `done` at the phase's first update: what the cache held is no measure of speed
    began: float = 0.0
    updated: float = 0.0
    message: str = ""
    hint: str = ""

    @property
    def eta(self) -> float | None:
        """Seconds until the phase ends; None where it cannot be told yet."""
        fresh, elapsed = self.done - self.first, self.updated - self.began
        return elapsed / fresh * (self.total - self.done) if fresh > 0 and elapsed > 1 else None


def start(data: Dataset) -> None:
    """Make the map in a process of its own, unless one is at it."""
    if is_held(_lease(data)):
        return
    _stop_marker(data).unlink(missing_ok=True)
    _write(data, Work("working", "starting"))
    subprocess.Popen(
        [sys.executable, "-m", "engine.map_job", data.name],
        cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env=dict(os.environ),
    )  # fmt: skip


def stop(data: Dataset) -> None:
    """Ask the process to end; what it computed is kept."""
    _stop_marker(data).touch()


def work(data: Dataset) -> Work:
    """What the process is doing, or how the last one ended."""
    document = read_json(_status(data))
    found = Work(**document) if isinstance(document, dict) else Work()
    if found.state == "working" and not is_held(_lease(data)) and time.time() - found.updated > _GRACE:
        return replace(
            found, state="failed", message="The process that drew the map has ended.", hint="Start it again: it goes on."
        )
    return found


def main(name: str) -> int:
    data = dataset(name)
    lease = Lease(_lease(data))
    if not lease.acquire():
        return 0
    ending = False

    def end(*_: object) -> None:
        nonlocal ending
        ending = True

    signal.signal(signal.SIGTERM, end)
    recorder = _Recorder(data)
    try:
        mapping.make(data, lambda *progress: recorder(*progress) and not ending and not _stop_marker(data).exists())
    except mapping.Stopped:
        _write(data, Work("stopped"))
    except UserError as error:
        _write(data, Work("failed", message=error.message, hint=error.hint))
        return 2
    except Exception as error:
        _write(data, Work("failed", message=f"Unexpected {type(error).__name__}: {error}"))
        raise
    else:
        _write(data, Work("done"))
    finally:
        lease.release()
    return 0


class _Recorder:
    """Writes the progress into the file, not more often than a page looks."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self._work = Work()

    def __call__(self, phase: str, done: int, total: int) -> bool:
        now = time.time()
        if phase != self._work.phase:
            self._work = Work("working", phase, done, total, began=now, updated=now, first=done)
            _write(self._data, self._work)
        elif now - self._work.updated > _INTERVAL:
            self._work = replace(self._work, done=done, total=total, updated=now)
            _write(self._data, self._work)
        return True


def _folder(data: Dataset) -> Path:
    folder = mapping.folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _lease(data: Dataset) -> Path:
    return _folder(data) / "lease"


def _status(data: Dataset) -> Path:
    return _folder(data) / "work.json"


def _stop_marker(data: Dataset) -> Path:
    return _folder(data) / "stop"


def _write(data: Dataset, work: Work) -> None:
    write_json(_status(data), asdict(replace(work, updated=time.time())))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
