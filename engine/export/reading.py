"""Reading a model file that may come from anywhere, into files that are safe to load. Called in a sandbox (`engine.core.sandbox`).

Sizes are compared before anything of that size is made: a zip's directory, a header and a graph are cheap to read.
"""

import json
import math
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from engine.core.errors import UserError
from engine.core.safetensors_header import Entry, HeaderError, read_header
from engine.export.bundle import META, WEIGHTS
from engine.export.session import check_probabilities
from engine.models import network
from engine.models.network import Classifier, Outline, Preprocessing
from engine.models.registry import backbone, stored
from engine.models.transfer import check_finite, load_state, read_state
from engine.runs.checkpoint import Meta, parse_meta

_WRITE = "Write one: python -m engine export ID --format bundle"
_LARGEST_META = 1 << 20  # bytes
_GROWTH = 1.2  # weights are stored in a bundle as they are; other programs pack them, and gain little
_LEAST_WIDTH = 0.5  # bytes per value: half of a backbone in 8 bits
_TYPES = frozenset({"F64", "F32", "F16", "BF16", "I64"})


def read_bundle(file: str, folder: str) -> dict[str, Any]:
    """Write the bundle's weights into `folder`, checked; its meta and a report. Raises UserError, or whatever a damaged file causes."""
    weights = Path(folder, WEIGHTS)
    document = _unpack(Path(file), weights)
    meta = parse_meta(document)
    try:
        entries = read_header(weights)
    except HeaderError as error:
        raise UserError(f"The weights in {file!r} cannot be read: {error}.", _WRITE) from None
    values = sum(math.prod(entry.shape) for entry in entries.values())
    outline = network.outline(stored(meta.backbone).name, meta.image_size, values)
    _check_fit(entries, outline, meta, file)
    state = load_file(weights)
    check_finite(state, repr(file))
    _check_answer(meta, state, file)
    return {"meta": asdict(meta), "report": f"All {len(entries)} tensors of the bundle fit {meta.backbone}."}


def read_weights(file: str, folder: str, said: dict[str, Any]) -> dict[str, Any]:
    """The same of a state-dict file. `said`: what the caller knows of the model, as a document of `Meta`."""
    entry = backbone(said["backbone"])
    meta = parse_meta({**said, "mean": said["mean"] or entry.mean, "std": said["std"] or entry.std})
    outline = network.outline(meta.backbone, meta.image_size, Path(file).stat().st_size / _LEAST_WIDTH)
    tensors = read_state(Path(file))
    trunk = network.build(meta.backbone, "none", meta.image_size)
    fit = load_state(trunk.module, tensors, Path(file).name, outline.head)
    head = fit.head_for(meta.classes)
    if head is None:
        rows = f"{len(fit.head['weight'])} classes" if fit.head.get("weight", torch.zeros(())).ndim else "no classification layer"
        raise UserError(
            f"{file!r} has {rows}, and {len(meta.classes)} were named.", "Name the classes in the order of its outputs."
        )
    if fit.missing or fit.other_shape:
        raise UserError(f"{fit}", "All of the backbone must be in the file: choose the architecture that it was saved from.")
    classifier = Classifier(trunk.module, trunk.features, len(meta.classes))
    _load_head(classifier, head, file)
    meta = Meta(**{**vars(meta), "backbone": trunk.architecture})
    state = classifier.state_dict()
    _check_answer(meta, state, file, classifier)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, Path(folder, WEIGHTS))
    return {"meta": asdict(meta), "report": str(fit)}


def _unpack(file: Path, weights: Path) -> object:
    """The bundle's meta document; its weights go into `weights`. Raises UserError."""
    with zipfile.ZipFile(file) as opened:
        try:
            meta, packed = opened.getinfo(META), opened.getinfo(WEIGHTS)
        except KeyError:
            raise UserError(f"{str(file)!r} is not a bundle: it holds no {META} or no {WEIGHTS}.", _WRITE) from None
        if meta.file_size > _LARGEST_META or packed.file_size > _GROWTH * file.stat().st_size:
            raise UserError(f"{str(file)!r} cannot be read: it unpacks to far more than its own size.", _WRITE)
        document = json.loads(opened.read(meta))
        with opened.open(packed) as source, open(weights, "wb") as target:
            shutil.copyfileobj(source, target)
    return document


def _check_fit(entries: Mapping[str, Entry], outline: Outline, meta: Meta, file: str) -> None:
    """Raises UserError where the tensors are not those of the classifier that the bundle names."""
    wanted = {f"trunk.{name}": shape for name, shape in outline.shapes.items()}
    wanted |= {"head.weight": (len(meta.classes), outline.features), "head.bias": (len(meta.classes),)}
    wrong = [name for name, shape in wanted.items() if name not in entries or entries[name].shape != shape]
    if wrong or len(wanted) != len(entries):
        raise UserError(f"The weights in {file!r} do not fit {meta.backbone} ({', '.join(wrong[:3]) or 'too many'}).", _WRITE)
    if not all(entry.type in _TYPES for entry in entries.values()):
        raise UserError(f"The weights in {file!r} are of a type that is not trained here.", _WRITE)


def _load_head(classifier: Classifier, head: Mapping[str, torch.Tensor], file: str) -> None:
    own = classifier.head.state_dict()
    if any(tensor.shape != own[name].shape for name, tensor in head.items()):
        raise UserError(
            f"The classification layer in {file!r} does not fit its backbone.", "Choose the model that it was saved from."
        )
    classifier.head.load_state_dict(dict(head))


def _check_answer(meta: Meta, state: Mapping[str, torch.Tensor], file: str, classifier: Classifier | None = None) -> None:
    """Ask the model about a grey picture. Raises UserError where its answer is not numbers."""
    if classifier is None:
        trunk = network.build(meta.backbone, "none", meta.image_size)
        classifier = Classifier(trunk.module, trunk.features, len(meta.classes))
        classifier.load_state_dict(dict(state))
    size = meta.image_size
    with torch.inference_mode():
        inputs = Preprocessing(size, meta.mean, meta.std)(torch.full((1, 3, size, size), 128, dtype=torch.uint8))
        answer = (classifier.eval()(inputs) / meta.temperature).softmax(1).numpy()
    check_probabilities(answer, len(meta.classes), file)
