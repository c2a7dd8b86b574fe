"""Starting, stopping and resuming runs: each is a process of its own that outlives whoever started it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from engine.config import Config
from engine.data.datasets import dataset
from engine.data.filters import Filter
from engine.errors import UserError
from engine.files import read_json, replacing, write_json
from engine.home import PROJECT, runs_dir
from engine.runs import PAUSE, Run

SLOTS = 1  # runs that compute at the same time; the others wait in the queue


def start(config: Config) -> Run:
    """Create the run directory and start its process. Raises UserError before anything is written."""
    run = create(config)
    spawn(run)
    return run


def create(config: Config) -> Run:
    from engine.backbones import check_name

    data = dataset(config.dataset)
    if not data.catalog.count(Filter(splits=("validation",))):
        raise UserError(
            f"The dataset {data.name} has no validation images to choose by.", "A class needs at least two different images."
        )
    check_name(config.model)
    if config.weights not in ("pretrained", "none") and not Path(config.weights).expanduser().is_file():
        raise UserError(
            f"There is no weights file {config.weights!r}.", "weights is pretrained, none, or the path of a state-dict file."
        )
    path = _new_folder(config.preset)
    write_json(
        path / "config.json",
        {"config": config.to_dict(), "created": time.time(), "classes": data.classes, "fingerprint": data.catalog.fingerprint()},
        durable=True,
    )
    return Run(path.name, path)


def spawn(run: Run) -> None:
    """Start the run's process in a session of its own, its output going to `train.log`."""
    write_json(run.path / "status.json", {"state": "queued", "detail": "starting", "updated": time.time()})
    with open(run.path / "train.log", "ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "engine.training.worker", str(run.path)],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip


def stop(run: Run) -> None:
    """Ask the run to finish its batch, save and end as `stopped`."""
    _ask(run, "stop")


def pause(run: Run) -> None:
    """The same, ending as `stopped` with the detail `paused`: it is meant to go on."""
    _ask(run, PAUSE)


def resume(run: Run) -> None:
    """Go on from the last checkpoint; from the start where there is none."""
    status = run.status
    if status.active or status.state == "finished":
        raise UserError(f"The run {run.id} is {status.state}.", "Only a stopped, failed or interrupted run can be resumed.")
    dataset(run.config.dataset)
    (run.path / "stop").unlink(missing_ok=True)
    spawn(run)


def _ask(run: Run, what: str) -> None:
    if not run.status.active:
        raise UserError(f"The run {run.id} is not running: it is {run.status.state}.")
    # Whole or absent: the process reads the word as soon as the marker is there.
    with replacing(run.path / "stop") as marker:
        marker.write_text(what)


def _new_folder(preset: str) -> Path:
    """Make `runs/<preset>-<number>`, with a number above every one that was given, so that a name never comes back."""
    runs_dir().mkdir(parents=True, exist_ok=True)
    last = runs_dir() / ".last-number"
    while True:
        number = max([int(read_json(last, 0)), *(_number(path.name) for path in runs_dir().iterdir())]) + 1
        try:
            path = runs_dir() / f"{preset}-{number}"
            path.mkdir()
        except FileExistsError:
            continue
        write_json(last, number)
        return path


def _number(name: str) -> int:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
