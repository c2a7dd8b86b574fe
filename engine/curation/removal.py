"""Removes a dataset: its registration, its catalog and the images that we made or fetched; never a folder of the user's.

Its label log is saved: nothing else could restore it.
"""

import os
import secrets
import time
from pathlib import Path

from engine import curation
from engine.core.errors import UserError
from engine.core.files import move, remove_folder, write_bytes
from engine.core.paths import cache_dir, data_dir
from engine.curation import acquisition
from engine.data import analysis
from engine.data.datasets import KAGGLE, Dataset, adding_folder, is_being_added, is_registered, load_dataset
from engine.data.label_overlay import label_log
from engine.embeddings import dataset_index
from engine.runs.run import list_runs

_PATIENCE = 15.0  # seconds that a job may take to stop


def remove_dataset(name: str) -> Dataset | None:
    """Remove the dataset and return it; None if its description was damaged. Raises UserError while it is in use."""
    removed = None if is_registered(name) and _is_damaged(name) else load_dataset(name)
    busy = [run.id for run in list_runs(name) if run.status.active]
    if busy:
        raise UserError(f"{', '.join(busy)} is training on {name!r}.", f"Stop it first: python -m engine runs stop {busy[0]}")
    if is_being_added(name):
        raise UserError(f"The dataset {name!r} is being added.", "Wait until that is done.")
    _stop_jobs(name)
    _save_label_log(name)
    # One rename makes it disappear for everybody; what a crash leaves under the hidden name is never listed.
    hidden = data_dir() / f".removed-{name}-{secrets.token_hex(4)}"
    move(data_dir() / name, hidden)
    for folder in (hidden, cache_dir("maps") / name, adding_folder(name), *_fetched(removed)):
        remove_folder(folder)
    return removed


def list_saved_logs(name: str) -> list[Path]:
    """The label logs of removed datasets of this name, oldest first: `labels import` brings one back."""
    return sorted((data_dir() / ".labels").glob(f"{name}-????????-??????.jsonl"))


def _save_label_log(name: str) -> None:
    """Copy the log out of the folder: a scan restores the catalog, but not a person's hours of decisions."""
    log = label_log(data_dir() / name / "catalog.sqlite").file
    if log.is_file() and log.stat().st_size:
        write_bytes(
            data_dir() / ".labels" / f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.jsonl",
            log.read_bytes(),
            durable=True,
        )


def _is_damaged(name: str) -> bool:
    try:
        return load_dataset(name) is None
    except UserError:
        return True


def _stop_jobs(name: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    for job in (analysis.job(name), dataset_index.job(name), curation.job(name), acquisition.job(name)):
        while job.running:
            job.stop()
            if time.monotonic() > deadline:
                raise UserError(f"The dataset {name!r} is being analysed.", "Try again in a minute.")
            time.sleep(0.1)


def _fetched(data: Dataset | None) -> list[Path]:
    """The copy that kagglehub keeps of a dataset from Kaggle."""
    if data is None or not data.source.startswith(KAGGLE):
        return []
    cache = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub")
    copy = (cache / "datasets" / data.source.removeprefix(KAGGLE)).resolve()
    return [copy] if data.root.resolve().is_relative_to(copy) else []
