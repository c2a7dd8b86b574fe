"""How long a training will take: arithmetic on speeds measured on this machine. Without torch: a page computes it at every change."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

from engine.core.content_cache import embedding_cache
from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.core.paths import cache_dir
from engine.data.datasets import load_dataset
from engine.models.pixels import is_decoded
from engine.runs.config import Config

# The fields that the speed depends on; the others enter the arithmetic.
_MEASURED = (
    "dataset", "model", "method", "image_size", "train_size", "views", "batch_size", "accumulate", "trainable", "augmentation",
    "optimiser", "mixing", "ema", "precision", "device", "workers",
)  # fmt: skip
_LIFETIME = 24 * 3600.0  # seconds: what else runs on the machine changes
_HEAD_SECONDS = 5e-7  # per image and feature: the linear head at all its strengths, on two cores


@dataclass(frozen=True)
class Speeds:
    """Speeds of one configuration on this machine.

    `load`: seconds to the first image. `decode`, `embed` (decoding included), `validate`: images per second; `freeze`: that of
    frozen layers whose output is cached, 0 where none is. `step`: seconds per batch, 0 for the linear method. `features`: the
    width of the backbone's features; `vectors`: the key of its embedding cache.
    """

    load: float
    decode: float
    embed: float
    features: int
    vectors: str
    step: float = 0.0
    validate: float = 0.0
    freeze: float = 0.0


@dataclass(frozen=True)
class Phase:
    """A part of a run and its seconds; `note` says what it works on."""

    name: str
    seconds: float
    note: str = ""


def estimate_phases(config: Config, speeds: Speeds) -> list[Phase]:
    """The phases of a run of this configuration on its dataset as it is now, without the work whose results are cached."""
    data = load_dataset(config.dataset).catalog
    train, validation, test = (data.frame(split)["hash"].tolist() for split in ("train", "validation", "test"))
    result = [Phase("load", speeds.load, config.model)]
    if config.method == "linear":
        missing = _missing(speeds.vectors, train + validation)
        head = _HEAD_SECONDS * len(train) * speeds.features
        missing_test = _missing(speeds.vectors, test)
        result += [
            Phase("embed", missing / speeds.embed, f"{missing:,} of {len(train + validation):,} images"),
            Phase("train", head, "the linear head"),
            Phase("test", missing_test / speeds.embed, f"{missing_test:,} of {len(test):,} images"),
        ]
    else:
        missing = sum(len(part) for part in (train, validation) if not is_decoded(part, config.image_size))
        steps = config.epochs * max(1, round(len(train) / config.batch_size))
        validated = config.epochs * len(validation)
        result += [
            Phase("decode", missing / speeds.decode, f"{missing:,} of {len(train + validation):,} images"),
            *_freezing(config, speeds, len(train)),
            Phase("train", steps * speeds.step, f"{steps:,} steps in {config.epochs} epochs"),
            Phase("validate", validated / speeds.validate, f"{len(validation):,} images per epoch"),
            Phase("test", (len(validation) + len(test)) / speeds.embed, f"{len(validation) + len(test):,} images"),
        ]
    return result


def _freezing(config: Config, speeds: Speeds, images: int) -> list[Phase]:
    """The frozen layers, where their output is cached for the epochs in which a draw comes back."""
    if not speeds.freeze:
        return []
    draws = min(config.draws, config.epochs)
    return [Phase("freeze", draws * images / speeds.freeze, f"frozen layers, {draws} draws of {images:,} images")]


class PhaseDocument(TypedDict):
    name: str
    seconds: float
    note: str


class EstimateDocument(TypedDict):
    """The estimate as a JSON document."""

    seconds: float
    images_per_second: float
    phases: list[PhaseDocument]


def estimate_document(config: Config, speeds: Speeds) -> EstimateDocument:
    phases = estimate_phases(config, speeds)
    rate = config.batch_size / speeds.step if speeds.step else speeds.embed
    documents: list[PhaseDocument] = [{"name": p.name, "seconds": p.seconds, "note": p.note} for p in phases]
    return {"seconds": sum(p.seconds for p in phases), "images_per_second": rate, "phases": documents}


def load_speeds(config: Config) -> Speeds | None:
    """The speeds that were measured for such a configuration on this machine within a day; None where they were not."""
    file = _file(config)
    if not file.is_file() or time.time() - file.stat().st_mtime > _LIFETIME:
        return None
    result = read_json(file)
    return Speeds(**result) if isinstance(result, dict) and result.keys() == Speeds.__dataclass_fields__.keys() else None


def save_speeds(config: Config, speeds: Speeds) -> None:
    write_json(_file(config), asdict(speeds))


def measured_fields(config: Config) -> dict[str, Any]:
    """What a speed depends on: fields of the configuration, and the machine."""
    values = config.to_dict()
    weights = values["weights"] if config.method == "linear" else ""  # the embedding cache goes by them
    machine = [
        platform.machine(),
        platform.processor(),
        os.cpu_count(),
        os.environ.get("OMP_NUM_THREADS"),
        metadata.version("torch"),
    ]
    return {name: values[name] for name in _MEASURED} | {"draws": config.draws > 0, "weights": weights, "machine": machine}


def _file(config: Config) -> Path:
    text = json.dumps(measured_fields(config), sort_keys=True)
    return cache_dir("speeds") / f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"


def _missing(key: str, contents: Sequence[str]) -> int:
    """How many of these contents the embedding cache does not hold."""
    distinct = set(contents)
    try:
        return len(distinct - embedding_cache(key).cached_contents(distinct))
    except UserError:  # it cannot be read: all of them have to be computed
        return len(distinct)
