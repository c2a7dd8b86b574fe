"""What hostile models are made of: the meta and weights of a small honest one, and ways to spoil them."""

import functools
import io
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as pack

from engine.models import network
from engine.models.network import Classifier

BACKBONE, SIZE, CLASSES = "timm:mobilenetv3_small_050", 64, ("a", "b", "c")
META = {"backbone": BACKBONE, "classes": list(CLASSES), "image_size": SIZE, "mean": [0.5] * 3, "std": [0.5] * 3}
HUGE = 1 << 40
GIANTS = ("timm:vit_giant_patch14_224", "timm:eva_giant_patch14_224", "timm:convnext_xxlarge", "timm:regnety_2560")
ELSEWHERE = (
    "hf-hub:evil/model", "timm:hf_hub:evil/model", "timm:hf-hub:evil/model", "timm:local-dir:/etc", "timm:../../etc/passwd",
    "timm:resnet18.no_such_tag", "timm:", "timm:no_such_model", "torchvision:resnet18", "", None, 5, ["resnet18"], "x" * 5000,
)  # fmt: skip
# One field of the meta is replaced by each of these.
WRONG_META: tuple[tuple[str, Any], ...] = (
    *(("backbone", name) for name in (*ELSEWHERE, *GIANTS)),
    ("classes", "abc"), ("classes", []), ("classes", ["a"]), ("classes", ["a", "a", "c"]), ("classes", [1, 2, 3]),
    ("classes", None), ("classes", {"a": 1}), ("classes", [["a"], ["b"], ["c"]]), ("classes", ["a", "b", " "]),
    ("classes", ["x" * 100_000, "b", "c"]), ("classes", [str(i) for i in range(50_000)]),
    ("image_size", float("inf")), ("image_size", float("nan")), ("image_size", -64), ("image_size", True), ("image_size", "64"),
    ("image_size", 10**30), ("image_size", 4096), ("image_size", None), ("image_size", [64]),
    ("mean", [0.5]), ("mean", "abc"), ("mean", [float("nan")] * 3), ("mean", None), ("std", [0, 0, 0]), ("std", [float("inf")] * 3),
    ("temperature", float("nan")), ("temperature", 0), ("temperature", "1"), ("views", "all"), ("views", ["one"]), ("surprise", 1),
)  # fmt: skip


@functools.cache
def honest_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    trunk = network.build_trunk(BACKBONE, "none", SIZE)
    return {
        name: tensor.contiguous() for name, tensor in Classifier(trunk.module, trunk.features, len(CLASSES)).state_dict().items()
    }


def zipped(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as opened:
        for name, content in members:
            opened.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()


def bundle(meta: object = META, weights: bytes | None = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    document = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    content = pack(honest_state()) if weights is None else weights
    return zipped(("meta.json", document), ("weights.safetensors", content), compression=compression)


def tensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with this header, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def spoilt(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
    """The honest weights, with the tensors that end in `name` changed."""
    return {key: change(tensor.clone()) if key.endswith(name) else tensor for key, tensor in honest_state().items()}


def bad_numbers() -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    yield "nan", spoilt("head.weight", lambda t: t.fill_(float("nan")))
    yield "one infinity", spoilt("head.bias", lambda t: t.index_fill_(0, torch.tensor([0]), float("inf")))
    yield "overflow", spoilt("head.weight", lambda t: t.fill_(3e38).index_fill_(0, torch.tensor([1]), -3e38))
    yield "negative variance", spoilt("running_var", lambda t: t.fill_(-9.0))


def damaged(rng: random.Random, content: bytes, count: int, within: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Cut off, or with bytes changed in its first `within` bytes."""
    for number in range(count):
        if number % 3 == 0:
            yield f"cut {number}", content[: rng.randrange(len(content) - 200)]
            continue
        changed = bytearray(content)
        for _ in range(rng.choice((8, 60))):
            changed[rng.randrange(min(within or len(changed), len(changed)))] = rng.randrange(256)
        yield f"changed {number}", bytes(changed)


def patched(content: bytes, offset: int, value: bytes) -> bytes:
    changed, place = bytearray(content), content.find(b"PK\x01\x02")
    while place >= 0:
        changed[place + offset : place + offset + len(value)] = value
        place = content.find(b"PK\x01\x02", place + 4)
    return bytes(changed)


def sparse(size: int, start: bytes = b"") -> Callable[[Path], None]:
    def write(file: Path) -> None:
        file.write_bytes(start)
        os.truncate(file, size)

    return write


def saved(value: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()
