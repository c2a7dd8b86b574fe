"""Short measurements before a training: a process of its own writes a file, everybody reads it.

`cache/<kind>/<id>.json` holds `state` (running, finished, failed), `progress` (0 to 1), `config`, `error`, `hint` and what the
probe has measured so far; it is replaced atomically. Kinds: `lr-find` (see `engine.training.lr_finder`) and `estimate` (see
`engine.training.time_estimate`). The id is a hash of what is measured: the same configuration finds the result that is there.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast, get_args

from engine.core.children import start_module
from engine.core.errors import UserError
from engine.core.files import create_folder, open_to_append, read_json, remove, write_json
from engine.core.lease import Lease, holder, is_held
from engine.core.paths import cache_dir
from engine.data.datasets import load_dataset
from engine.runs.config import Config
from engine.training.time_estimate import EstimateDocument, measured_fields

Kind = Literal["lr-find", "estimate"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Fields that the learning rate does not depend on, or that the finder sets itself.
_NOT_LR = ("preset", "peak_lr", "schedule", "warmup", "lr_factor", "lr_epochs", "epochs", "patience", "ema", "views", "workers")


class PointDocument(TypedDict):
    """A step of the range test: its learning rate, the loss of its batch, the exponentially smoothed loss."""

    lr: float
    loss: float
    smoothed: float


class ProbeDocument(TypedDict):
    """A probe's file. `result` is that of an estimate; `points`, `suggestion` and `reason` are those of a learning-rate search."""

    kind: Kind
    id: str
    state: Literal["running", "finished", "failed"]
    progress: float
    config: dict[str, Any]
    error: str
    hint: str
    detail: NotRequired[str]
    result: NotRequired[EstimateDocument]
    points: NotRequired[list[PointDocument]]
    suggestion: NotRequired[float | None]
    reason: NotRequired[str]


def probe_id(kind: Kind, config: Config) -> str:
    """The id of the probe that measures this configuration on its dataset as it is now."""
    if kind not in KINDS:
        raise UserError(f"There is no probe {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    values = config.to_dict()
    relevant = measured_fields(config) if kind == "estimate" else {k: v for k, v in values.items() if k not in _NOT_LR}
    text = json.dumps([relevant, load_dataset(config.dataset).catalog.fingerprint()], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def check(kind: Kind, config: Config) -> None:
    """Raises UserError for a configuration that this probe cannot measure."""
    if kind == "lr-find" and config.method != "finetune":
        raise UserError(
            "method=linear has no learning rate to find.", "Set method=finetune, or a preset that fine-tunes, such as balanced."
        )


def start(kind: Kind, config: Config) -> str:
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


def read(kind: Kind, name: str) -> ProbeDocument | None:
    """What the probe has measured so far; None where it was never started. One whose process died reads as failed."""
    file = probe_file(kind, name)
    document = read_json(file)
    if not isinstance(document, dict):
        return None
    if document["state"] == "running" and not is_held(file.with_suffix(".lease")):
        document = read_json(file, document)  # it may have finished between the two looks
        if document["state"] == "running":
            document |= {"state": "failed", "error": "The measurement was killed, probably out of memory.", "hint": "Try again."}
    return cast(ProbeDocument, document)


def write(kind: Kind, name: str, **values: Any) -> ProbeDocument:
    """Replace the probe's file; its new content."""
    document = {"kind": kind, "id": name, "progress": 0.0, "error": "", "hint": "", **values}
    write_json(probe_file(kind, name), document)
    return cast(ProbeDocument, document)


def cancel(kind: Kind, name: str) -> None:
    """End the probe if it is running."""
    process = holder(probe_file(kind, name).with_suffix(".lease"))
    if process:
        process.terminate()


def probe_file(kind: Kind, name: str) -> Path:
    return cache_dir(kind) / f"{name}.json"


def _spawn(kind: Kind, name: str, lease: Lease) -> None:
    remove(probe_file(kind, name).with_suffix(".log"))
    with open_to_append(probe_file(kind, name).with_suffix(".log")) as log:
        start_module(["engine.training.probe_job", kind, name, str(lease.descriptor)], log, lease.descriptor)
