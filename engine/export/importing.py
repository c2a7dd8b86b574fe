"""Import: a bundle, or a state-dict file with the name of its architecture, becomes a run. torch is loaded once the file was checked."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core import sandbox
from engine.core.errors import UserError
from engine.core.files import remove_folder, temporary_folder, write_json
from engine.core.paths import cache_dir
from engine.data.datasets import list_datasets, load_dataset
from engine.models.registry import find_backbone
from engine.runs.config import configure
from engine.runs.metadata import NOTE_LENGTH, update_metadata
from engine.runs.run import Run
from engine.training.launcher import new_folder

if TYPE_CHECKING:
    from engine.export.reading import ReadModel

_LARGEST = 8 << 30  # bytes


@dataclass(frozen=True)
class ImportResult:
    """The run that was created from a file, and sentences about what of the file fitted."""

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
) -> ImportResult:
    """The file as a finished run; its temperature is 1 where the file has none.

    A bundle describes itself; a state dict needs `model_name`, and `classes` in the order of its outputs. `mean`, `std`:
    of RGB in 0..1, where they are not the backbone's own. The file is read in a sandbox. Raises UserError.
    """
    sandbox.check_ordinary(file, _LARGEST)
    is_bundle = file.suffix.lower() == ".zip"
    with temporary_folder(cache_dir("imports")) as folder:
        if is_bundle:
            function, arguments = "read_bundle", {}
        else:
            document = _meta_document(model_name, tuple(classes), image_size, tuple(mean), tuple(std))
            function, arguments = "read_weights", {"document": document}
        arguments |= {"file": str(file.absolute()), "folder": str(folder)}
        limits = sandbox.SandboxLimits().for_file(file)
        model: ReadModel = sandbox.call(f"engine.export.reading:{function}", arguments, file, limits)
        run = _create_run(file, model["meta"], folder, dataset_name, model["report"])
    # A state dict holds weights only; a bundle brings the temperature that was fitted for it.
    uncalibrated = "" if is_bundle else "The file has no temperature: its probabilities are not calibrated."
    return ImportResult(run, tuple(filter(None, (model["report"], uncalibrated))))


def _meta_document(
    name: str, classes: tuple[str, ...], size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Any]:
    """What the caller says about a state-dict file. Raises UserError for mistakes that show before the file is read."""
    if not name or not classes:
        raise UserError(
            "A state-dict file does not say what it is.", "Name its architecture and classes: --model resnet50 --classes a,b,c"
        )
    find_backbone(name)
    return {"backbone": name, "classes": classes, "image_size": size, "mean": mean, "std": std}


def _create_run(file: Path, document: dict[str, Any], folder: Path, dataset_name: str, report: str) -> Run:
    """A run with the checked weights in `folder`; nothing stays behind where that fails."""
    from safetensors.torch import load_file

    from engine.export.bundle import WEIGHTS
    from engine.runs import checkpoint

    meta = checkpoint.parse_meta(document)
    config = configure(
        _dataset(meta.classes, dataset_name), "balanced", model=meta.backbone, image_size=meta.image_size, views=meta.views,
        weights="none",
    )  # fmt: skip
    description = {"config": config.to_dict(), "created": time.time(), "classes": meta.classes, "fingerprint": ""}
    path = new_folder("imported", description)
    try:
        checkpoint.save(path, "best", 0, meta, load_file(folder / WEIGHTS))
        write_json(path / "results.json", {"temperature": meta.temperature}, durable=True)
        update_metadata(
            path,
            name=file.stem[:60],
            note=f"Imported from {file.name}; it was not trained with this configuration. {report}"[:NOTE_LENGTH],
        )
        status = {"state": "finished", "detail": "imported, not scored yet", "progress": 1.0, "updated": time.time()}
        write_json(path / "status.json", status, durable=True)
    except BaseException:  # Ctrl-C too: half a run must not stay in the list
        remove_folder(path)
        raise
    return Run(path.name, path)


def _dataset(classes: Sequence[str], name: str) -> str:
    """The dataset that the run belongs to: the named one, or else one with the same classes. Raises UserError."""
    if name:
        return load_dataset(name).name
    for known in list_datasets():
        if set(known.classes) == set(classes):
            return known.name
    raise UserError("No registered dataset has exactly these classes.", "Name the dataset to score the run on: --dataset NAME")
