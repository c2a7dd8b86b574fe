"""The description inside an exported model, a JSON document: enough to prepare an image and to read the prediction."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from engine.core.errors import UserError

KEY = "scenescope"  # of the document in an ONNX file's metadata, and the stem of its file in TorchScript
INPUT, OUTPUT = "images", "probabilities"


@dataclasses.dataclass(frozen=True)
class Description:
    """The model's description. `mean`, `std`: of RGB in 0..1. `provenance`: run, dataset, fingerprint, weights, versions, licence.

    The file itself normalises, averages the `views`, divides by the `temperature` and takes the softmax: nobody has to do it again.
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
        """The document, with a sentence each on input and output for readers without this project."""
        size = self.image_size
        usage = {
            "input": f"{INPUT}: (n, {size}, {size}, 3) uint8 RGB, the image's central square, resized with a bicubic filter",
            "output": f"{OUTPUT}: (n, {len(self.classes)}) float32, calibrated, rows sum to 1, in the order of classes",
        }
        return json.dumps({**dataclasses.asdict(self), **usage}, indent=1, ensure_ascii=False)


def parse_description(text: str, source: str) -> Description:
    """The description that `Description.to_json` wrote. Raises UserError for anything else."""
    try:
        document = json.loads(text)
        # Any: the document may come from anywhere, and `_is_usable` looks at the values.
        values: dict[str, Any] = {}
        for field in dataclasses.fields(Description):
            if field.name in document:
                value = document[field.name]
                values[field.name] = tuple(value) if isinstance(value, list) else value
        description = Description(**values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        description = None
    if description is None or not _is_usable(description):
        raise UserError(f"{source} does not describe how to use it.", "Choose a file that `python -m engine export` wrote.")
    return description


def _is_usable(description: Description) -> bool:
    """Whether the values have the types that they claim: a string is a sequence too, and a number may be infinite."""
    names = description.classes
    return (
        isinstance(names, tuple) and len(names) >= 1 and all(isinstance(name, str) and len(name) <= 1_000 for name in names)
        and type(description.image_size) is int and 1 <= description.image_size <= 4096
        and all(isinstance(text, str) for text in (description.views, description.backbone, description.precision))
        and isinstance(description.provenance, Mapping)
    )  # fmt: skip
