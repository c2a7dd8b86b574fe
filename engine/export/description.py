"""What a handed-over model says of itself, in a JSON document: enough to prepare a picture and to read the answer."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from engine.core.errors import UserError

KEY = "scenescope"  # of the document in an ONNX file's metadata, and its file's stem in a bundle
INPUT, OUTPUT = "images", "probabilities"


@dataclasses.dataclass(frozen=True)
class Described:
    """The model's description. `mean`, `std`: of RGB in 0..1; the file itself normalises, averages the `views`, divides by the
    `temperature` and takes the softmax. `provenance`: run, dataset, fingerprint, weights, versions, licence.
    """

    classes: tuple[str, ...]
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    temperature: float
    views: str
    backbone: str
    precision: str = "float32"
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """With a sentence on the input, for who meets the file without this project."""
        size = self.image_size
        how = {
            "input": f"{INPUT}: (n, {size}, {size}, 3) uint8 RGB, the picture's central square, resized with a bicubic filter",
            "output": f"{OUTPUT}: (n, {len(self.classes)}) float32, calibrated, rows sum to 1, in the order of classes",
        }
        return json.dumps({**dataclasses.asdict(self), **how}, indent=1, ensure_ascii=False)


def from_json(text: str, source: str) -> Described:
    """The description that `Described.to_json` wrote. Raises UserError for anything else."""
    try:
        document = json.loads(text)
        known = {f.name: document[f.name] for f in dataclasses.fields(Described) if f.name in document}
        known = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
        result = Described(**known)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        result = None
    if result is None or not _is_usable(result):
        raise UserError(f"{source} does not describe how to use it.", "Take a file that `python -m engine export` wrote.")
    return result


def _is_usable(said: Described) -> bool:
    """Whether each value is of its kind: a text is a sequence of letters too, and a number may be infinite."""
    names = said.classes
    return (
        isinstance(names, tuple) and len(names) >= 1 and all(isinstance(name, str) and len(name) <= 1_000 for name in names)
        and type(said.image_size) is int and 1 <= said.image_size <= 4096
        and all(isinstance(text, str) for text in (said.views, said.backbone, said.precision))
        and isinstance(said.provenance, Mapping)
    )  # fmt: skip
