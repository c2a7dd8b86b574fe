"""Reads a model file of unknown origin and writes files that are safe to load. Called in a sandbox (`engine.core.sandbox`).

Sizes are compared before memory of that size is allocated: a zip's directory, a header and a graph are cheap to read.
"""

import json
import math
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypedDict

import torch
from safetensors.torch import load_file, save_file

from engine.core.errors import UserError
from engine.core.safetensors_header import Entry, HeaderError, read_header
from engine.export.bundle import META, WEIGHTS
from engine.export.session import check_probabilities
from engine.models import network
from engine.models.network import Classifier, Outline, Preprocessing
from engine.models.registry import backbone_from_file, find_backbone
from engine.models.transfer import check_finite, load_state, read_state
from engine.runs.checkpoint import Meta, parse_meta

_WRITE = "Write one: python -m engine export ID --format bundle"
_LARGEST_META = 1 << 20  # bytes
_GROWTH = 1.2  # a bundle stores the weights uncompressed; other programs may compress them, and gain little
_LEAST_WIDTH = 0.5  # bytes per value: a file that has half of the backbone, in 8 bits
_TYPES = frozenset({"F64", "F32", "F16", "BF16", "I64"})


class ReadModel(TypedDict):
    """The checked `meta` as a document of `Meta`, and which tensors fitted, in a sentence."""

    meta: dict[str, Any]
    report: str


def read_bundle(file: str, folder: str) -> ReadModel:
    """Write the bundle's checked weights into `folder`; its meta and a report. Raises UserError, or whatever a damaged file causes."""
    weights = Path(folder, WEIGHTS)
    document = _unpack(Path(file), weights)
    meta = parse_meta(document)
    try:
        entries = read_header(weights)
    except HeaderError as error:
        raise UserError(f"The weights in {file!r} cannot be read: {error}.", _WRITE) from None
    values = sum(math.prod(entry.shape) for entry in entries.values())
    outline = network.outline_trunk(backbone_from_file(meta.backbone).name, meta.image_size, values)
    _check_fit(entries, outline, meta, file)
    state = load_file(weights)
    check_finite(state, repr(file))
    _check_prediction(meta, state, file)
    return {"meta": asdict(meta), "report": f"All {len(entries)} tensors of the bundle fit {meta.backbone}."}


def read_weights(file: str, folder: str, document: dict[str, Any]) -> ReadModel:
    """The same for a state-dict file. `document`: what the caller knows about the model, as a document of `Meta`."""
    # The document comes from the caller, not from the file; the sizes of the file are checked against its backbone.
    entry = find_backbone(document["backbone"])
    meta = parse_meta({**document, "mean": document["mean"] or entry.mean, "std": document["std"] or entry.std})
    outline = network.outline_trunk(meta.backbone, meta.image_size, Path(file).stat().st_size / _LEAST_WIDTH)
    tensors = read_state(Path(file))
    trunk = network.build_trunk(meta.backbone, "none", meta.image_size)
    fit = load_state(trunk.module, tensors, Path(file).name, outline.head)
    head = fit.head_for(meta.classes)
    if head is None:
        rows = f"{len(fit.head['weight'])} classes" if fit.head.get("weight", torch.zeros(())).ndim else "no classification layer"
        raise UserError(
            f"{file!r} has {rows}, and {len(meta.classes)} were named.", "Name all classes, in the order of the outputs."
        )
    if fit.missing or fit.other_shape:
        raise UserError(f"{fit}", "The file must hold the whole backbone: choose the architecture that it was saved from.")
    classifier = Classifier(trunk.module, trunk.features, len(meta.classes))
    _load_head(classifier, head, file)
    meta = replace(meta, backbone=trunk.architecture)
    state = classifier.state_dict()
    _check_prediction(meta, state, file, classifier)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, Path(folder, WEIGHTS))
    return {"meta": asdict(meta), "report": str(fit)}


def _unpack(file: Path, weights: Path) -> object:
    """Unpack the weights into the file `weights`; the bundle's meta document. Raises UserError."""
    with zipfile.ZipFile(file) as archive:
        try:
            meta, packed = archive.getinfo(META), archive.getinfo(WEIGHTS)
        except KeyError:
            raise UserError(f"{str(file)!r} is not a bundle: {META} or {WEIGHTS} is missing.", _WRITE) from None
        if meta.file_size > _LARGEST_META or packed.file_size > _GROWTH * file.stat().st_size:
            raise UserError(f"{str(file)!r} cannot be read: it unpacks to far more than its own size.", _WRITE)
        document = json.loads(archive.read(meta))
        with archive.open(packed) as source, open(weights, "wb") as target:
            shutil.copyfileobj(source, target)
    return document


def _check_fit(entries: Mapping[str, Entry], outline: Outline, meta: Meta, file: str) -> None:
    """Raises UserError where the tensors are not those of the classifier that the bundle names."""
    expected = {f"trunk.{name}": shape for name, shape in outline.shapes.items()}
    expected |= {"head.weight": (len(meta.classes), outline.features), "head.bias": (len(meta.classes),)}
    wrong = [name for name, shape in expected.items() if name not in entries or entries[name].shape != shape]
    if wrong or len(expected) != len(entries):
        raise UserError(
            f"The weights in {file!r} do not fit {meta.backbone} ({', '.join(wrong[:3]) or 'unexpected tensors'}).", _WRITE
        )
    if not all(entry.type in _TYPES for entry in entries.values()):
        raise UserError(f"The weights in {file!r} have a data type that is not supported.", _WRITE)


def _load_head(classifier: Classifier, head: Mapping[str, torch.Tensor], file: str) -> None:
    expected = classifier.head.state_dict()
    if any(tensor.shape != expected[name].shape for name, tensor in head.items()):
        raise UserError(
            f"The classification layer in {file!r} does not fit its backbone.", "Choose the model that it was saved from."
        )
    classifier.head.load_state_dict(dict(head))


def _check_prediction(meta: Meta, state: Mapping[str, torch.Tensor], file: str, classifier: Classifier | None = None) -> None:
    """Try the model on a grey image. Raises UserError where the prediction is not finite numbers."""
    if classifier is None:
        trunk = network.build_trunk(meta.backbone, "none", meta.image_size)
        classifier = Classifier(trunk.module, trunk.features, len(meta.classes))
        classifier.load_state_dict(dict(state))
    size = meta.image_size
    with torch.inference_mode():
        inputs = Preprocessing(size, meta.mean, meta.std)(torch.full((1, 3, size, size), 128, dtype=torch.uint8))
        probabilities = (classifier.eval()(inputs) / meta.temperature).softmax(1).numpy()
    check_probabilities(probabilities, len(meta.classes), file)
