"""Checkpoints that describe themselves and are whole or absent.

`checkpoints/best-000012/` holds `model.safetensors`, `meta.json`, optionally `training.pt`, and `manifest.json` with
the SHA-256 of each, written last. The folder is written under another name, synced and renamed; the previous one of the same
kind stays, so that a damaged file costs one save and not the run.
"""

import contextlib
import dataclasses
import hashlib
import json
import secrets
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.core.errors import UserError
from engine.core.files import (
    create_folder,
    explain_disk_errors,
    fsync_file,
    fsync_folder,
    json_text,
    read_json,
    remove_folder,
    sha256,
    write_json,
)
from engine.core.safetensors_header import read_header

KEEP = 2  # generations of each kind
_LONGEST_NAME = 1_000  # characters
_MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Meta:
    """What prediction needs to know about a model, so that it does not need the dataset.

    `mean` and `std` are those of RGB values in 0..1; logits are averaged over the `views` ("one": the image; "flip": the image
    and its mirror image) and divided by `temperature` before the softmax.
    """

    backbone: str
    classes: tuple[str, ...]
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    temperature: float = 1.0
    views: str = "one"


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. `notes`: a sentence about each newer one that was damaged and passed over."""

    meta: Meta
    model: dict[str, torch.Tensor]
    training: dict[str, Any] | None
    step: int
    notes: tuple[str, ...] = ()


def parse_meta(document: object) -> Meta:
    """The Meta of a document, which may come from anywhere. Raises UserError for values that no model has."""
    items = document.items() if isinstance(document, dict) else ()
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in items}
    try:
        meta = Meta(**values)
    except TypeError:
        raise UserError("The description of the model is incomplete.", "Export it again.") from None
    if not isinstance(meta.backbone, str) or len(meta.backbone) > _LONGEST_NAME:
        raise UserError("The model does not name its backbone.", "Export it again.")
    wrong = {
        "classes": not _are_names(meta.classes),
        "image size": not (type(meta.image_size) is int and 32 <= meta.image_size <= 1024),
        "mean": not _are_three(meta.mean),
        "std": not (_are_three(meta.std) and all(value > 0 for value in meta.std)),
        "temperature": not (_is_number(meta.temperature) and 1e-3 < meta.temperature < 1e3),
        "views": meta.views not in ("one", "flip"),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise UserError(
                f"The {name} of the model cannot be used.", "Classes need different names; sizes are 32 to 1024 pixels."
            )
    return meta


def _are_names(classes: object) -> bool:
    return (
        isinstance(classes, tuple) and 2 <= len(classes) <= _MOST_CLASSES
        and all(isinstance(name, str) and name.strip() and len(name) <= _LONGEST_NAME for name in classes)
        and len(set(classes)) == len(classes)
    )  # fmt: skip


def _are_three(values: object) -> bool:
    return isinstance(values, tuple) and len(values) == 3 and all(_is_number(value) and abs(value) < 1e3 for value in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def save(
    run_path: Path, kind: str, step: int, meta: Meta, model: Mapping[str, torch.Tensor], training: Mapping[str, Any] | None = None
) -> Path:
    """Write checkpoint `kind` (`best` or `last`) of `step`; a newer generation of the same step replaces the older."""
    parent = create_folder(run_path / "checkpoints", parents=False)
    for unfinished in parent.glob(".saving-*"):
        # Left by a process that was killed: only one process writes, and it is this one.
        remove_folder(unfinished)
    if (run_path / "events.jsonl").exists():
        # The steps up to here will not be taken again: their events must be on the disk before a checkpoint can outlive them.
        fsync_file(run_path / "events.jsonl")
    temporary = parent / f".saving-{kind}-{secrets.token_hex(4)}"
    target = parent / f"{kind}-{_next_generation(parent, kind):06d}"
    try:
        with explain_disk_errors(target, _size_of([model, training or {}]), temporary):
            temporary.mkdir()
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in model.items()}, temporary / "model.safetensors"
            )
            (temporary / "meta.json").write_text(json_text(dataclasses.asdict(meta)), encoding="utf-8")
            if training is not None:
                # Unbuffered, so that a full disk is an OSError with its number: when torch opens the file itself, it raises a
                # RuntimeError in words.
                with open(temporary / "training.pt", "wb", buffering=0) as stream:
                    torch.save(dict(training), stream)
            _write_manifest(temporary, step)
            # Renaming is atomic: the folder appears whole, with every file in it synced.
            temporary.rename(target)
        fsync_folder(parent)
    except BaseException:
        remove_folder(temporary)
        raise
    for old in generations(run_path, kind)[KEEP:]:
        remove_folder(old)
    return target


def _size_of(value: Any) -> int:
    """Bytes of all tensors in a state, however deeply nested: about what its file takes."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, str | bytes):
        return 0
    if isinstance(value, Mapping):
        return sum(map(_size_of, value.values()))
    return sum(map(_size_of, value)) if isinstance(value, Iterable) else 0


def load(run_path: Path, kind: str = "best") -> Checkpoint:
    """The newest checkpoint of `kind` whose files are what was written. Raises UserError where there is none."""
    while True:
        folders = generations(run_path, kind)
        notes: list[str] = []
        damage = ""
        for folder in folders:
            damage = _damage(folder)
            if not damage:
                try:
                    with contextlib.suppress(FileNotFoundError):
                        return _read(folder, tuple(notes))
                except UserError as error:
                    damage = error.message.removesuffix(".")
                except (OSError, ValueError, LookupError, RuntimeError, zipfile.BadZipFile, SafetensorError):
                    # The hashes were right: somebody wrote these files, but not `save`.
                    damage = "its files are not those of a checkpoint"
            notes.append(f"Checkpoint {folder.name} is damaged ({damage}); an earlier one is used.")
        # While they were read, a run that trains may have removed each of them in favour of a newer one.
        if folders == generations(run_path, kind):
            break
    if notes:
        raise UserError(
            f"Every {kind} checkpoint of run {run_path.name} is damaged ({damage}).",
            "Restore the file from a copy, or train again.",
        )
    raise UserError(f"The run {run_path.name} has no {kind} checkpoint yet.", "Resume the run, or wait for its first epoch.")


def generations(run_path: Path, kind: str) -> list[Path]:
    """The checkpoint folders of `kind`, newest first."""
    return sorted((run_path / "checkpoints").glob(f"{kind}-[0-9]*"), reverse=True)


def identity(run_path: Path, kind: str = "best") -> str:
    """The identity of the newest checkpoint's content: a cache key that changes with every save."""
    newest = generations(run_path, kind)
    manifest = read_json(newest[0] / "manifest.json", {}) if newest else {}
    return f"{newest[0].name}:{manifest.get('files', {})}" if newest else ""


def _write_manifest(folder: Path, step: int) -> None:
    files = sorted(folder.iterdir())
    # Before the manifest: it must not reach the disk before the files that it vouches for.
    for file in files:
        fsync_file(file)
    entries = {file.name: {"sha256": sha256(file), "size": file.stat().st_size} for file in files}
    write_json(folder / "manifest.json", {"step": step, "files": entries, "sha256": _digest(step, entries)}, durable=True)


def _digest(step: Any, files: Any) -> str:
    """A hash of the manifest's own content, or a flipped digit of the step would be believed."""
    return hashlib.sha256(json.dumps([step, files], sort_keys=True).encode()).hexdigest()


def _damage(folder: Path) -> str:
    """What is wrong with the checkpoint, in a few words; empty where nothing is."""
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("sha256") != _digest(manifest.get("step"), manifest.get("files")):
        return "its manifest is missing or damaged"
    if not isinstance(manifest["step"], int) or not _is_list_of_files(manifest["files"]):
        return "its manifest is not a manifest"
    for name, entry in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        # The size first: it is known without reading the file, and says more than another hash.
        if file.stat().st_size != entry["size"]:
            return f"{name} has {file.stat().st_size} bytes instead of {entry['size']}"
        if sha256(file) != entry["sha256"]:
            return f"{name} does not have the content that was written"
    return ""


def _is_list_of_files(files: object) -> bool:
    # A bare name: a manifest from elsewhere must not make us read a file outside its folder.
    return isinstance(files, dict) and all(
        Path(name).name == name and isinstance(entry, dict) and entry.keys() >= {"sha256", "size"}
        for name, entry in files.items()
    )


def _read(folder: Path, notes: tuple[str, ...]) -> Checkpoint:
    meta = parse_meta(read_json(folder / "meta.json"))
    state, weights = folder / "training.pt", folder / "model.safetensors"
    read_header(weights)  # raises where the file is not what its header says
    training = _read_training(state) if state.is_file() else None
    step = int(read_json(folder / "manifest.json")["step"])
    return Checkpoint(meta=meta, model=load_file(weights), training=training, step=step, notes=notes)


def _read_training(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as opened:
        # torch does not compress: an archive that unpacks to more than its size was not written by it, and may be a zip bomb.
        if sum(member.file_size for member in opened.infolist()) > file.stat().st_size:
            raise UserError("its training state unpacks to more than its own size")
    try:
        # weights_only: a pickle could run any code, and a run may have been copied from somebody else.
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken pickle may raise anything at all
        raise UserError("its training state cannot be read") from error


def _next_generation(parent: Path, kind: str) -> int:
    numbers = [int(folder.name.rpartition("-")[2]) for folder in parent.glob(f"{kind}-[0-9]*")]
    return max(numbers, default=0) + 1
