"""Short measurements before a training: a process of its own writes a file, everybody reads it.

`cache/<kind>/<id>.json` holds `state` (running, finished, failed), `progress` (0 to 1), `config`, `error`, `hint` and what the
probe has measured so far; it is replaced atomically. Kinds: `lr-find` (see `engine.training.lr_finder`) and `estimate` (see
`engine.training.time_estimate`). The id is a hash of what is measured: the same configuration finds the result that is there.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from engine.core.children import start_module
from engine.core.errors import UserError
from engine.core.files import create_folder, open_to_append, read_json, remove, write_json
from engine.core.lease import Lease, holder, is_held
from engine.core.paths import cache_dir
from engine.data.datasets import load_dataset
from engine.runs.config import Config
from engine.training.time_estimate import measured_fields

KINDS = ("lr-find", "estimate")
# Fields that the learning rate does not depend on, or that the finder sets itself.
_NOT_LR = ("preset", "peak_lr", "schedule", "warmup", "lr_factor", "lr_epochs", "epochs", "patience", "ema", "views", "workers")


def probe_id(kind: str, config: Config) -> str:
    """The id of the probe that measures this configuration on its dataset as it is now."""
    if kind not in KINDS:
        raise UserError(f"There is no probe {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    values = config.to_dict()
    relevant = measured_fields(config) if kind == "estimate" else {k: v for k, v in values.items() if k not in _NOT_LR}
    text = json.dumps([relevant, load_dataset(config.dataset).catalog.fingerprint()], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def check(kind: str, config: Config) -> None:
    """Raises UserError for a configuration that this probe cannot measure."""
    if kind == "lr-find" and config.method != "finetune":
        raise UserError(
            "method=linear has no learning rate to find.", "Set method=finetune, or a preset that fine-tunes, such as balanced."
        )


def start(kind: str, config: Config) -> str:
    """The id of the probe, whose process is started unless it is running. Raises UserError for a configuration that cannot be measured."""
    check(kind, config)
    name = probe_id(kind, config)
    create_folder(cache_dir(kind))
    lease = Lease(probe_file(kind, name).with_suffix(".lease"))
    # The lease is taken here and handed to the process: two tabs that ask at once start one probe.
    if lease.take():
        try:
            write(kind, name, state="running", config=config.to_dict())
            _spawn(kind, name, lease)
        finally:
            lease.hand_over()
    return name


def read(kind: str, name: str) -> dict[str, Any] | None:
    """What the probe has measured so far; None where it was never started. One whose process died reads as failed."""
    file = probe_file(kind, name)
    document = read_json(file)
    if not isinstance(document, dict):
        return None
    if document["state"] == "running" and not is_held(file.with_suffix(".lease")):
        document = read_json(file, document)  # it may have finished between the two looks
        if document["state"] == "running":
            document |= {"state": "failed", "error": "The measurement was killed, probably out of memory.", "hint": "Try again."}
    return document


def write(kind: str, name: str, **document: Any) -> None:
    write_json(probe_file(kind, name), {"kind": kind, "id": name, "progress": 0.0, "error": "", "hint": "", **document})


def cancel(kind: str, name: str) -> None:
    """End the probe if it is running."""
    process = holder(probe_file(kind, name).with_suffix(".lease"))
    if process:
        process.terminate()


def probe_file(kind: str, name: str) -> Path:
    return cache_dir(kind) / f"{name}.json"


def _spawn(kind: str, name: str, lease: Lease) -> None:
    remove(probe_file(kind, name).with_suffix(".log"))
    with open_to_append(probe_file(kind, name).with_suffix(".log")) as log:
        start_module(["engine.training.probe_job", kind, name, str(lease.descriptor)], log, lease.descriptor)
