"""The bundle: a zip with the model and all that a stranger needs to use it, or this project to take it back."""

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file

from engine.export.description import Described
from engine.export.session import MODEL
from engine.models.model import Model
from engine.models.registry import backbone
from engine.runs import score_text
from engine.runs.run import Run

WEIGHTS, META = "weights.safetensors", "meta.json"
_EXAMPLE = Path(__file__).with_name("example.py")
_LICENCES = {
    "wheel": "Apache 2.0 (weights of EfficientNet-Lite0, trained on ImageNet)",
    "torchvision": "BSD 3-clause (torchvision's weights, trained on ImageNet)",
}
_UNKNOWN = "see the publisher's page of this backbone: its weights have terms of their own"


def licence(name: str) -> str:
    """Whose terms the weights came under, as far as that is known; the images that it was trained on have their own."""
    return _LICENCES.get(backbone(name).builder, _UNKNOWN)


def pack(run: Run, said: Described, onnx: Path, model: Model, checked: Mapping[str, str], folder: Path) -> Path:
    """The zip, in `folder`: `onnx` and what belongs to it. The weights are there as the checkpoint has them, for an import."""
    save_file({name: tensor.contiguous().cpu() for name, tensor in model.classifier.state_dict().items()}, folder / WEIGHTS)
    texts = {
        "labels.json": json.dumps(list(said.classes), ensure_ascii=False),
        "preprocessing.json": said.to_json(),
        META: json.dumps(dataclasses.asdict(model.meta), ensure_ascii=False),
        "README.md": card(run, said, checked),
        "example.py": _EXAMPLE.read_text(encoding="utf-8").replace("  # noqa: T201", ""),
        "requirements.txt": "onnxruntime\nnumpy\npillow\n",
    }
    file = folder / "bundle.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as opened:
        for name, text in texts.items():
            opened.writestr(name, text)
        opened.write(onnx, MODEL)
        opened.write(folder / WEIGHTS, WEIGHTS)
    return file


def card(run: Run, said: Described, checked: Mapping[str, str]) -> str:
    """The model card as Markdown: what it is for, how well it does, and what it does not know."""
    scores = [
        f"- {split}: accuracy {r['accuracy']['value']:.3f} ({r['accuracy']['low']:.3f} to {r['accuracy']['high']:.3f}), "
        f"macro F1 {score_text.macro_f1(r)}, {r['n']:,} images"
        for split in ("test", "validation")
        if isinstance(r := run.results.get(split), dict)
    ]
    came_from = "\n".join(f"- {name.replace('_', ' ')}: {_code(value)}" for name, value in said.provenance.items())
    classes = ", ".join(_code(name) for name in said.classes)
    return f"""# {_code(said.backbone)}, run {_code(run.id)}

Classifies a photograph as one of {len(said.classes)} classes: {classes}.

## How to use it

`pip install -r requirements.txt`, then `python example.py PICTURE`. `model.onnx` takes the central square of the picture at
{said.image_size} pixels (`images`, uint8) and gives calibrated probabilities (`probabilities`) in the order of `labels.json`.
Normalisation, temperature and softmax are inside.

## How well it does

With 95% intervals:

{chr(10).join(scores) or "- not scored yet"}

The file was compared with the model that it was made of: {checked["parity"]} ({checked["on"]}).

## What it does not know

It answers with one of its classes whatever the picture shows. It was trained on {_code(run.config.dataset)} alone; on other cameras,
places and seasons it may do worse. A probability is right on average for pictures like those, not for each picture.

## Where it comes from

{came_from}
"""


def _code(text: object) -> str:
    """A name as Markdown shows it letter by letter: it may hold anything."""
    plain = " ".join(str(text).replace("`", "'").split())
    return f"`{plain}`"
