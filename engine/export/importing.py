"""A bundle, or a state-dict file with the name of its architecture, becomes a run."""

import json
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from engine import network
from engine.about import NOTE_LENGTH, describe
from engine.backbones import backbone
from engine.config import configure
from engine.data.datasets import dataset, datasets
from engine.errors import UserError
from engine.export.bundle import META, WEIGHTS
from engine.files import remove_folder, write_json
from engine.launcher import new_folder
from engine.network import Classifier
from engine.runs import Run
from engine.training import checkpoint
from engine.training.checkpoint import Meta
from engine.transfer import load_state, read_state

_LARGEST = 4 << 30  # bytes
_WRITE = "Write one: python -m engine export ID --format bundle"


@dataclass(frozen=True)
class Imported:
    """The run that a file became, and what of the file fitted, in sentences."""

    run: Run
    report: tuple[str, ...]


def import_file(
    file: Path,
    model_name: str = "",
    classes: Sequence[str] = (),
    image_size: int = 224,
    dataset_name: str = "",
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
) -> Imported:
    """The file as a finished run, whose temperature is 1 where the file does not know one.

    A bundle says all by itself; a state dict needs `model_name`, and `classes` in the order of its outputs. `mean`, `std`:
    of RGB in 0..1, where they are not the backbone's own. Raises UserError.
    """
    if file.suffix.lower() == ".zip":
        meta, state = _bundle(file)
        said = f"All {len(state)} tensors of the bundle fit {meta.backbone}."
    else:
        meta, state, said = _state_dict(file, model_name, tuple(classes), image_size, tuple(mean), tuple(std))
    config = configure(
        _dataset(meta.classes, dataset_name), "balanced", model=meta.backbone, image_size=meta.image_size, views=meta.views,
        weights="none",
    )  # fmt: skip
    description = {"config": config.to_dict(), "created": time.time(), "classes": meta.classes, "fingerprint": ""}
    path = new_folder("imported", description)
    try:
        checkpoint.save(path, "best", 0, meta, state)
        write_json(path / "results.json", {"temperature": meta.temperature}, durable=True)
        describe(
            path,
            name=file.stem[:60],
            note=f"Imported from {file.name}; the configuration is not what trained it. {said}"[:NOTE_LENGTH],
        )
        status = {"state": "finished", "detail": "imported, not scored yet", "progress": 1.0, "updated": time.time()}
        write_json(path / "status.json", status, durable=True)
    except BaseException:
        remove_folder(path)
        raise
    uncalibrated = "" if file.suffix.lower() == ".zip" else "The file knows no temperature: its probabilities are not calibrated."
    return Imported(Run(path.name, path), tuple(filter(None, (said, uncalibrated))))


def _bundle(file: Path) -> tuple[Meta, dict[str, torch.Tensor]]:
    """What a bundle says and holds, checked: it may come from anywhere."""
    try:
        with zipfile.ZipFile(file) as opened:
            if opened.getinfo(META).file_size > 1 << 20 or opened.getinfo(WEIGHTS).file_size > _LARGEST:
                raise UserError(f"{str(file)!r} is larger than any model that is read here.")
            document, content = json.loads(opened.read(META)), opened.read(WEIGHTS)
        meta = Meta(**{key: tuple(value) if isinstance(value, list) else value for key, value in document.items()})
        state = load_tensors(content)
    except FileNotFoundError:
        raise UserError(f"There is no file {str(file)!r}.") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(file)!r} is no bundle: {META} or {WEIGHTS} is missing or incomplete.", _WRITE) from error
    except (zipfile.BadZipFile, SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{str(file)!r} cannot be read ({str(error)[:100]}).", _WRITE) from error
    classifier = _built(_checked(meta))
    own = classifier.state_dict()
    wrong = [name for name in own if name not in state or state[name].shape != own[name].shape]
    if wrong or len(own) != len(state):
        raise UserError(
            f"The weights in {str(file)!r} do not fit {meta.backbone} ({', '.join(wrong[:3]) or 'too many'}).", _WRITE
        )
    return meta, state


def _state_dict(
    file: Path, model_name: str, classes: tuple[str, ...], size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[Meta, dict[str, torch.Tensor], str]:
    if not model_name or not classes:
        raise UserError(
            "A file of weights does not say what it is.", "Name its architecture and classes: --model resnet50 --classes a,b,c"
        )
    entry = backbone(model_name)
    meta = _checked(Meta(model_name, classes, size, mean or entry.mean, std or entry.std))
    tensors = read_state(file)
    trunk = network.build(model_name, "none", size)
    fit = load_state(trunk.module, tensors, file.name, network.head_names(model_name))
    head = fit.head_for(classes)
    if head is None:
        rows = f"{len(fit.head['weight'])} classes" if "weight" in fit.head else "no classification layer"
        raise UserError(
            f"{str(file)!r} has {rows}, and {len(classes)} were named.", "Name the classes in the order of its outputs."
        )
    if fit.missing or fit.other_shape:
        raise UserError(f"{fit}", "All of the backbone must be in the file: choose the architecture that it was saved from.")
    classifier = Classifier(trunk.module, trunk.features, len(classes))
    classifier.head.load_state_dict(head)
    return Meta(**{**vars(meta), "backbone": trunk.architecture}), classifier.state_dict(), str(fit)


def _built(meta: Meta) -> Classifier:
    trunk = network.build(meta.backbone, "none", meta.image_size)
    return Classifier(trunk.module, trunk.features, len(meta.classes))


def _checked(meta: Meta) -> Meta:
    backbone(str(meta.backbone))
    names = meta.classes
    wrong = {
        "classes": len(names) < 2
        or len(set(names)) < len(names)
        or not all(isinstance(name, str) and name.strip() for name in names),
        "image size": not (isinstance(meta.image_size, int) and 32 <= meta.image_size <= 1024),
        "mean or std": not all(
            len(v) == 3 and all(isinstance(x, float | int) and abs(x) < 1e3 for x in v) for v in (meta.mean, meta.std)
        )
        or not all(x > 0 for x in meta.std),
        "temperature": not (isinstance(meta.temperature, float | int) and 1e-3 < meta.temperature < 1e3),
        "views": meta.views not in ("one", "flip"),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise UserError(
                f"The {name} of the model cannot be used.", "Classes need different names; sizes are 32 to 1024 pixels."
            )
    return meta


def _dataset(classes: Sequence[str], name: str) -> str:
    """The dataset that the run belongs to: the one named, or else one of the same classes. Raises UserError."""
    if name:
        return dataset(name).name
    for known in datasets():
        if set(known.classes) == set(classes):
            return known.name
    raise UserError("No registered dataset has just these classes.", "Name one that the run is to be scored on: --dataset NAME")
