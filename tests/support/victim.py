"""Processes that the tests kill: they save, tell and die, in a directory that the tests read afterwards.

They are forked by `multiprocessing`'s fork server, in which torch is loaded once: a hundred of them cost a second.
"""

import multiprocessing
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch

from engine.core.lease import Lease
from engine.core.progress import Progress
from engine.runs import checkpoint, queue
from engine.runs.checkpoint import Meta
from engine.runs.events import Step
from engine.training import job, stop_signals, worker  # noqa: F401 - loads what a run computes with
from engine.training.recorder import RunRecorder

META = Meta("resnet18", ("sea", "forest"), 64, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
SIZE = 5000  # numbers in the model: 20 kB


def weights(step: int) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((SIZE,), float(step))}


def train(path: Path, steps: int = 10**9, connection: Connection | None = None) -> None:
    """Go on from the last checkpoint, saving after each of so many steps; each is told when its save has returned."""
    lease = Lease(path / "lease")
    assert lease.acquire()
    recorder = RunRecorder(path)
    recorder.state("training")
    saved = checkpoint.load(path, "last").step if checkpoint.generations(path, "last") else 0
    recorder.append({"kind": "resumed", "step": saved, "epoch": 0})
    if connection:
        connection.send(saved)
    for step in range(saved + 1, saved + 1 + steps):
        recorder.record(Step(step, 1, 1.0 / step, 0.1, 1.0))
        recorder.show_progress(Progress("epoch 1 of 1", step, step + 1))
        checkpoint.save(path, "last", step, META, weights(step), {"step": step})
        if connection:
            connection.send(step)
    lease.release()


def train_until_operation(path: Path, last: int, connection: Connection) -> None:
    """Two steps; the process dies just before its operation number `last` on the file system. Tells of each operation."""
    _watch(connection, last)
    train(path, 2)
    connection.send(("end",))


def train_until_size(path: Path, size: int) -> None:
    """Two steps; the system kills the process in the middle of the write that would make any file larger than `size` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    train(path, 2)


def _watch(connection: Connection, last: int) -> None:
    """Count what changes the file system, and tell what a power cut could not take back any more."""
    count = 0

    def before(*operation: object) -> None:
        nonlocal count
        count += 1
        if count == last:
            os._exit(9)
        connection.send(operation)

    def opened(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            before("open")

    def wrap(name: str) -> None:
        original = getattr(os, name)

        def counted(*arguments: object, **more: object) -> object:
            before(name)
            done = original(*arguments, **more)
            if name == "fsync":
                result = os.fstat(arguments[0])
                connection.send(("synced", result.st_ino, result.st_size, str(Path(f"/proc/self/fd/{arguments[0]}").readlink())))
            if name in ("rename", "replace"):
                connection.send(("renamed", *map(str, arguments[:2])))
            return done

        setattr(os, name, counted)

    for name in ("write", "pwrite", "ftruncate", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir"):
        wrap(name)
    sys.addaudithook(opened)


def queue_up(path: Path, start: Barrier, connection: Connection) -> None:
    """Queue up together with the others, say who is ahead, and stay."""
    path.mkdir()
    lease = Lease(path / "lease")
    assert lease.acquire()
    start.wait(60)
    queue.join(path)
    start.wait(60)
    connection.send(queue.runs_ahead(path))
    signal.pause()


def heed_signals(path: Path, connection: Connection) -> None:
    """Compute without looking up, as in a long batch: one call of C code that no handler in Python could break into."""
    stop_signals.handle_signals(
        first=lambda: connection.send("asked to stop"), second=lambda: (connection.send("asked to end"), os._exit(7))
    )
    helper = multiprocessing.get_context("fork").Process(target=signal.pause)
    helper.start()
    connection.send(helper.pid)
    large = torch.rand(600, 600, dtype=torch.float64)
    while True:
        torch.linalg.matrix_power(large, 10**9)


def follow(path: Path, home: Path, slots: int = 1) -> None:
    """The run's own process, as the launcher starts it, in a session of its own."""
    os.setsid()
    # As in a process of its own: the fork server has left its method as the default.
    multiprocessing.set_start_method("fork", force=True)
    os.environ |= {"SCENESCOPE_HOME": str(home), queue.SLOTS: str(slots)}
    torch.set_num_threads(1)
    with open(path / "train.log", "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os._exit(worker.main(path))
