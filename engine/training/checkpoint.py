"""Checkpoints that describe themselves and are whole or absent.

`checkpoints/best-00000120/` holds `model.safetensors`, `meta.json`, optionally `training.pt`, and `manifest.json` with
the SHA-256 of each, written last. The folder is made under another name, synced and renamed; the previous one of the same
kind is kept, so that a damaged file costs one save and not the run.
"""

import contextlib
import dataclasses
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from engine.errors import UserError
from engine.files import (
    create_folder,
    errors_of,
    fsync_file,
    fsync_folder,
    json_text,
    read_json,
    remove_folder,
    sha256,
    write_json,
)

KEEP = 2


@dataclass(frozen=True)
class Meta:
    """What prediction needs to know of a model; the dataset is not needed any more.

    `mean` and `std` are of RGB values in 0..1; logits are averaged over the `views` ("one": the picture; "flip": it and its
    mirror image) and divided by `temperature` before the softmax.
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
    """A verified checkpoint. `notes` says what was passed over on the way to it."""

    meta: Meta
    model: dict[str, torch.Tensor]
    training: dict[str, Any] | None
    step: int
    notes: tuple[str, ...] = ()


def save(
    run_path: Path, kind: str, step: int, meta: Meta, model: Mapping[str, torch.Tensor], training: Mapping[str, Any] | None = None
) -> Path:
    """Write checkpoint `kind` (`best` or `last`) of `step`; a newer generation of the same step replaces the older."""
    parent = create_folder(run_path / "checkpoints", parents=False)
    for unfinished in parent.glob(".saving-*"):
        # Of a process that was killed: one process writes, and it is this one.
        remove_folder(unfinished)
    if (run_path / "events.jsonl").exists():
        # Who goes on from this checkpoint has no steps before it to tell again.
        fsync_file(run_path / "events.jsonl")
    temporary = parent / f".saving-{kind}-{secrets.token_hex(4)}"
    target = parent / f"{kind}-{_next_generation(parent, kind):06d}"
    try:
        with errors_of(target, _size_of([model, training or {}]), temporary):
            temporary.mkdir()
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in model.items()}, temporary / "model.safetensors"
            )
            (temporary / "meta.json").write_text(json_text(dataclasses.asdict(meta)), encoding="utf-8")
            if training is not None:
                # Unbuffered: torch's own archive would tell of a full disk in words without a number.
                with open(temporary / "training.pt", "wb", buffering=0) as stream:
                    torch.save(dict(training), stream)
            _seal(temporary, step)
            temporary.rename(target)
        fsync_folder(parent)
    except BaseException:
        remove_folder(temporary)
        raise
    for old in generations(run_path, kind)[KEEP:]:
        remove_folder(old)
    return target


def _size_of(value: Any) -> int:
    """Bytes of all tensors in a state, however deep they lie: about what its file takes."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        value = value.values()
    return sum(map(_size_of, value)) if not isinstance(value, str | bytes) and isinstance(value, Iterable) else 0


def load(run_path: Path, kind: str = "best") -> Checkpoint:
    """The newest checkpoint of `kind` whose files are what was written. Raises UserError where none is left."""
    while True:
        folders = generations(run_path, kind)
        notes: list[str] = []
        for folder in folders:
            damage = _damage(folder)
            if not damage:
                with contextlib.suppress(FileNotFoundError):
                    return _read(folder, tuple(notes))
            notes.append(f"Checkpoint {folder.name} is damaged ({damage}); an earlier one is used.")
        # A run that trains may have removed them one after the other, each for a newer one, while they were read.
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
    """Names the newest checkpoint's content: a cache key that changes with every save."""
    newest = generations(run_path, kind)
    manifest = read_json(newest[0] / "manifest.json", {}) if newest else {}
    return f"{newest[0].name}:{manifest.get('files', {})}" if newest else ""


def _seal(folder: Path, step: int) -> None:
    files = sorted(folder.iterdir())
    for file in files:
        fsync_file(file)
    said = {f.name: {"sha256": sha256(f), "size": f.stat().st_size} for f in files}
    write_json(folder / "manifest.json", {"step": step, "files": said, "sha256": _digest(step, said)}, durable=True)


def _digest(step: Any, files: Any) -> str:
    """Of the manifest's own content: a flipped digit of the step would be believed otherwise."""
    return hashlib.sha256(json.dumps([step, files], sort_keys=True).encode()).hexdigest()


def _damage(folder: Path) -> str:
    """What is wrong with the checkpoint, in a few words; empty where nothing is."""
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("sha256") != _digest(manifest.get("step"), manifest.get("files")):
        return "its manifest is missing or damaged"
    for name, said in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != said["size"]:
            return f"{name} has {file.stat().st_size} bytes instead of {said['size']}"
        if sha256(file) != said["sha256"]:
            return f"{name} does not have the content that was written"
    return ""


def _read(folder: Path, notes: tuple[str, ...]) -> Checkpoint:
    document = read_json(folder / "meta.json")
    meta = Meta(**{key: tuple(value) if isinstance(value, list) else value for key, value in document.items()})
    state = folder / "training.pt"
    training = torch.load(state, map_location="cpu", weights_only=True) if state.is_file() else None
    return Checkpoint(meta, load_file(folder / "model.safetensors"), training, read_json(folder / "manifest.json")["step"], notes)


def _next_generation(parent: Path, kind: str) -> int:
    numbers = [int(folder.name.rpartition("-")[2]) for folder in parent.glob(f"{kind}-[0-9]*")]
    return max(numbers, default=0) + 1
