"""Starting, stopping and resuming runs: each is a process of its own, which outlives the process that started it."""

import contextlib
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from engine.core.errors import DiskError, UserError
from engine.core.files import (
    create_folder,
    lock_file,
    read_json,
    remove,
    remove_folder,
    touch,
    write_json,
    write_text,
)
from engine.core.lease import Lease, holder
from engine.core.paths import runs_dir
from engine.core.processes import start_process
from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter
from engine.models import hub_names
from engine.runs import queue
from engine.runs.config import Config
from engine.runs.data_changes import images_fingerprint
from engine.runs.pipelines import parse_pipeline
from engine.runs.run import FINISH, PAUSE, Run

_RESUMABLE = "Only a stopped, failed or interrupted run can be resumed."


def start(config: Config, typed: bool = True) -> Run:
    """Create the run directory and start its process. Raises UserError before anything is written.

    `typed`: a person has typed or confirmed the configuration; it was not taken from a run, which may come from elsewhere.
    """
    run = create(config, typed)
    _launch(run)
    return run


def check(config: Config) -> Dataset:
    """The dataset of a configuration that can be run. Raises UserError for what is wrong without having to load a model or an image."""
    from engine.models.registry import check_name, check_weights

    data = load_dataset(config.dataset)
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "Choose another dataset.")
    if not data.catalog.count(Filter(splits=("validation",))):
        raise UserError(
            f"The dataset {data.name} has no validation images to choose by.", "A class needs at least two different images."
        )
    check_name(config.model)
    check_weights(config.weights, config.model)
    return data


def create(config: Config, typed: bool = True) -> Run:
    """Create the run directory; nothing is started. Raises UserError. `typed`: see `start`."""
    data = check(config)
    if typed:
        hub_names.remember(config.model)
    hub_names.check(config.model)
    queue.slots()  # raises now for a bad setting, not in the log of a process
    # The steps are written into the run: a pipeline that was saved under a name may be changed or deleted.
    config = replace(config, augmentation=parse_pipeline(config.augmentation).text)
    document = {
        "config": config.to_dict(),
        "created": time.time(),
        "classes": data.classes,
        "fingerprint": data.catalog.fingerprint(),
        "labels": data.catalog.labels(),
        "images": images_fingerprint(data),
    }
    try:
        path = new_folder(config.preset, document)
    except DiskError as error:
        raise error.in_context(f"A run cannot be written into {str(runs_dir())!r}.") from error
    return Run(path.name, path)


def _launch(run: Run, word: str = "") -> None:
    """Start the run's process, with the `word` in its stop marker. Of several launchers at once one wins; the others raise UserError."""
    lease = Lease(run.path / "lease")
    try:
        if not lease.take():
            raise UserError(f"The run {run.id} is already being started.", "Another tab or command started it.")
        # Again, under the lease: another process may have finished the run since the caller looked.
        if run.status.state == "finished":
            raise UserError(f"The run {run.id} is finished.", _RESUMABLE)
        # The last process's signature would be taken for this one's if it dies before it signs.
        lease.clear()
        remove(run.path / "stop")
        if word:
            _mark(run, word)
        write_json(run.path / "status.json", {"state": "queued", "detail": "starting", "updated": time.time()})
        # Before the process starts: runs compute in the order in which they were launched, not in which Python came up.
        queue.join(run.path)
        start_process("engine.training.worker", str(run.path), lease, run.path / "train.log")
    except DiskError as error:
        raise error.in_context(f"The run {run.id} cannot be started.", "Then resume the run.") from error
    finally:
        # Forgets the descriptor without unlocking: the process has inherited the open file, and the lock with it.
        lease.hand_over()


def stop(run: Run) -> None:
    """Make the run finish its batch, save and end as `stopped`."""
    _request(run, "stop")


def kill(run: Run) -> None:
    """End the run's process without saving: what came after its last checkpoint is lost."""
    process = holder(run.path / "lease")
    if process is None:
        raise UserError(f"The run {run.id} is not running: it is {run.status.state}.")
    # The run takes a second signal as "at once". Two different ones: two identical signals may be merged into one.
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def pause(run: Run) -> None:
    """Like `stop`, with the detail `paused`: the run is meant to go on later."""
    _request(run, PAUSE)


def finish(run: Run) -> None:
    """End the training now and score the best epoch so far; a run that ended early is started again for that. Raises UserError."""
    status = run.status
    if status.state in ("evaluating", "finished"):
        raise UserError(f"The training of {run.id} has ended: the run is {status.state}.")
    if not can_finish(run):
        raise UserError(f"{run.id} has no epoch yet that could be scored.", "Wait for its first epoch to end, or stop it.")
    if status.active:
        _request(run, FINISH)
    else:
        load_dataset(run.config.dataset)
        _launch(run, FINISH)


def can_finish(run: Run) -> bool:
    """Whether the training may end where it is: there is an epoch to score."""
    training = run.status.state not in ("evaluating", "finished")
    return training and run.config.method == "finetune" and bool(run.checkpoint)


def resume(run: Run) -> None:
    """Go on from the last checkpoint; from the start where there is none."""
    status = run.status
    if status.active or status.state == "finished":
        raise UserError(f"The run {run.id} is {status.state}.", _RESUMABLE)
    load_dataset(run.config.dataset)
    _launch(run)


def _request(run: Run, word: str) -> None:
    if not run.status.active:
        raise UserError(f"The run {run.id} is not running: it is {run.status.state}.")
    if run.request != word:
        _mark(run, word)


def _mark(run: Run, word: str) -> None:
    # Whole or absent: the process reads the word as soon as the marker is there.
    write_text(run.path / "stop", word, make_folder=False)


def new_folder(preset: str, document: dict[str, Any]) -> Path:
    """`runs/<preset>-<number>` with its config.json. The number is above all that were ever used: a deleted run's name never comes back."""
    folder = create_folder(runs_dir())
    with lock_file(folder / ".lock"):
        last = read_json(folder / ".last-number")
        # The folders as well: runs may have been copied here from another home.
        numbers = [last if isinstance(last, int) else 0, *(_number(path.name) for path in folder.iterdir())]
        number = max(numbers) + 1
        path = folder / f"{preset}-{number}"
        # Before the folder: after a crash between the two a number is skipped, and not used twice.
        write_json(folder / ".last-number", number)
        create_folder(path, fresh=True)
    try:
        touch(path / "lease")
        # Last: a folder without config.json is not a run to any reader.
        write_json(path / "config.json", document, durable=True)
    except OSError:
        remove_folder(path)
        raise
    return path


def _number(name: str) -> int:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
