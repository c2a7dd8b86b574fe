"""Short measurements before a training, each a background job: the learning-rate search, and the estimate of the time.

`cache/<kind>/<id>/` holds the job's files, `config.json` and `result.json`, which a search rewrites as it goes. The id is a hash of what
is measured: the same configuration finds the result that is there. See `engine.training.lr_finder`, `engine.training.time_estimate`.
"""

import hashlib
import json
from typing import Literal, NotRequired, TypedDict, cast, get_args

from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.core.jobs import Job
from engine.core.paths import cache_dir
from engine.data.datasets import load_dataset
from engine.runs.config import Config, from_dict
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


class ProbeResult(TypedDict):
    """`estimate` is that of an estimate; the others are those of a search, which has only `points` until it ends."""

    estimate: NotRequired[EstimateDocument]
    points: NotRequired[list[PointDocument]]
    suggestion: NotRequired[float | None]
    reason: NotRequired[str]


def job(kind: Kind, config: Config) -> Job:
    """The process that measures this configuration on its dataset as it is now."""
    if kind not in KINDS:
        raise UserError(f"There is no probe {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    values = config.to_dict()
    relevant = measured_fields(config) if kind == "estimate" else {k: v for k, v in values.items() if k not in _NOT_LR}
    text = json.dumps([relevant, load_dataset(config.dataset).catalog.fingerprint()], sort_keys=True)
    return _job(kind, hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), config)


def started_job(argument: str) -> tuple[Job, Config]:
    """The job that was started with this argument, and what it measures."""
    kind, _, probe_id = argument.partition("/")
    config = from_dict(read_json(cache_dir(kind) / probe_id / "config.json"))
    return _job(next(known for known in KINDS if known == kind), probe_id, config), config


def _job(kind: Kind, probe_id: str, config: Config) -> Job:
    about = {"dataset": config.dataset, "model": config.model}
    return Job(kind, cache_dir(kind) / probe_id, f"{kind}/{probe_id}", about)


def check(kind: Kind, config: Config) -> None:
    """Raises UserError for a configuration that this probe cannot measure."""
    if kind == "lr-find" and config.method != "finetune":
        raise UserError(
            "method=linear has no learning rate to find.", "Set method=finetune, or a preset that fine-tunes, such as balanced."
        )


def start(kind: Kind, config: Config) -> Job:
    """The probe's job, whose process is started unless it is running. Raises UserError for a configuration that cannot be measured."""
    check(kind, config)
    probe = job(kind, config)
    write_json(probe.folder / "config.json", config.to_dict())
    probe.start()
    return probe


def read_result(probe: Job) -> ProbeResult | None:
    """What the probe has measured so far; None where there is nothing yet."""
    document = read_json(probe.folder / "result.json")
    return cast(ProbeResult, document) if isinstance(document, dict) else None


def write_result(probe: Job, result: ProbeResult) -> None:
    """Replace what the probe has measured so far."""
    write_json(probe.folder / "result.json", result)
