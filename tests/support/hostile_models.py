"""Model files that want to break whatever opens them, made by a seed: bundles, state dicts, ONNX graphs, checkpoints of copied runs.

`files(folder, seed)` writes them one at a time. None is dangerous outside a reader that trusts it, and none is a model.
"""

import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hostile_graphs
import torch
from hostile_parts import (
    HUGE,
    META,
    WRONG_META,
    bad_numbers,
    bundle,
    damaged,
    honest_state,
    patched,
    saved,
    sparse,
    spoilt,
    tensors,
    zipped,
)
from safetensors.torch import save as pack


class HostileModel(NamedTuple):
    """A file or run directory, and what is tried with it: "bundle", "weights", "onnx" or "run"."""

    name: str
    kind: str
    path: Path


def files(folder: Path, seed: int = 0) -> Iterator[HostileModel]:
    rng = random.Random(seed)
    for kind, make, ending in (
        ("bundle", _bundles, "zip"), ("weights", _safetensors, "safetensors"), ("weights", _pickles, "pth"), ("onnx", hostile_graphs.graphs, "onnx"),
    ):  # fmt: skip
        for number, (name, content) in enumerate(make(rng)):
            file = folder / f"{kind}-{number:03d}-{name}.{ending}"
            content(file) if callable(content) else file.write_bytes(content)
            yield HostileModel(f"{ending}: {name}", kind, file)
    for number, (name, content) in enumerate(hostile_graphs.bundles()):
        file = folder / f"onnx-bundle-{number}.zip"
        file.write_bytes(content)
        yield HostileModel(f"onnx in zip: {name}", "onnx", file)
    for number, (name, write) in enumerate(_checkpoints(rng)):
        run = folder / f"run-{number}"
        checkpoint = run / "checkpoints" / "best-000001"
        checkpoint.mkdir(parents=True)
        write(checkpoint)
        yield HostileModel(f"run: {name}", "run", run)


def _bundles(rng: random.Random) -> Iterator[tuple[str, Any]]:
    for number, (field, value) in enumerate(WRONG_META):
        yield f"{field} {number}", bundle({**META, field: value})
    for field in META:
        yield f"without {field}", bundle({name: value for name, value in META.items() if name != field})
    for name, meta in (
        ("list", []), ("text", "x"), ("number", 5), ("deep", b"[" * 200_000), ("no text", b"\xff\xfe\x00"), ("long", b" " * (2 << 20)),
        ("many digits", b'{"image_size": ' + b"9" * 9000 + b"}"),
    ):  # fmt: skip
        yield f"meta {name}", bundle(meta)
    zeros = bytes(300 << 20)
    for name, compression in (("deflated", zipfile.ZIP_DEFLATED), ("bzip2", zipfile.ZIP_BZIP2)):
        yield f"bomb {name}", bundle(weights=zeros, compression=compression)
    yield "bomb meta", zipped(("meta.json", bytes(300 << 20)), ("weights.safetensors", b""), compression=zipfile.ZIP_DEFLATED)
    good = bundle()
    yield "only meta", zipped(("meta.json", json.dumps(META).encode()))
    yield "empty", zipped()
    yield "not a zip", b"PK\x03\x04 not a zip"
    yield "locked", good.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\x01\0")
    yield "wrong sum", patched(good, 16, b"\1\2\3\4")
    yield "unknown method", patched(good, 10, b"\x63\0")
    yield "larger than it is", patched(good, 24, b"\xff\xff\xff\x7f")
    for name, state in bad_numbers():
        yield name, bundle(weights=pack(state))
    yield "one tensor", bundle(weights=pack({"trunk.x": torch.zeros(1)}))
    yield "too many tensors", bundle(weights=pack({**honest_state(), "more": torch.zeros(1)}))
    yield from damaged(rng, good, 4)


def _safetensors(rng: random.Random) -> Iterator[tuple[str, Any]]:
    def one(dtype: str = "F32", shape: object = (4,), offsets: object = (0, 16), data: int = 16) -> bytes:
        return tensors({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, bytes(data))

    yield "empty", b""
    yield "four bytes", b"\4\0\0\0"
    for length in (0, 1, 1 << 31, 2**63, 2**64 - 1):
        yield f"header of {length}", tensors({}, length=length)
    for name, header in (("list", []), ("text", b"x" * 50), ("deep", b"[" * 100_000), ("numbers", {"a": 5}), ("empty", {})):
        yield f"header is {name}", tensors(header)
    for shape in ([-4], [HUGE], [HUGE, HUGE], "4", [4.0], [None], [1] * 500, [True]):
        yield f"shape {str(shape)[:20]}", one(shape=shape)
    for offsets in ([0, HUGE], [16, 0], [-16, 0], [0], "x", [4, 20], [0, 12], None):
        yield f"offsets {offsets}", one(offsets=offsets)
    for dtype in ("F8_E4M3", "C64", "X", 5, None):
        yield f"type {dtype}", one(dtype=dtype)
    yield "trailing bytes", one(data=900)
    yield "terabytes", sparse(2 << 40, tensors({"a": {"dtype": "F32", "shape": [HUGE // 4], "data_offsets": [0, HUGE]}}))
    width = 3 << 30
    claim = {"a": {"dtype": "F32", "shape": [width // 4], "data_offsets": [0, width]}}
    head = tensors(claim)
    yield "gigabytes of holes", sparse(width + len(head), head)
    for name, state in bad_numbers():
        yield name, pack(state)
    yield "another model", pack({"conv1.weight": torch.zeros(64, 3, 7, 7)})
    yield from damaged(rng, pack(honest_state()), 9, within=20_000)


class _Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("/tmp/scenescope-evil-was-here",)


def _pickles(rng: random.Random) -> Iterator[tuple[str, Any]]:
    good = saved(honest_state())
    for name, code in (
        ("nothing", b"\x80\x02."), ("pop", b"\x80\x020."), ("reduce", b"\x80\x02R."), ("memo", b"\x80\x02h\x05."), ("mark", b"\x80\x02(."),
        ("tuple", b"\x80\x02\x87."), ("build", b"\x80\x02b."), ("append", b"\x80\x02]a."), ("items", b"\x80\x02}(u."),
        ("global", b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."), ("persistent", b"\x80\x02X\1\0\0\0aQ."), ("put", b"\x80\x02q\xff."),
        ("long text", b"\x80\x02X\xff\xff\xff\x7f."), ("protocol", b"\x80\x63."), ("deep", b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."),
        ("laughs", _laughs()),
    ):  # fmt: skip
        yield f"code {name}", code
        yield f"code {name} in a zip", zipped(("archive/data.pkl", code), ("archive/version", b"3\n"))
    yield "evil", saved({"conv1.weight": _Evil()})
    yield "evil, old", pickle.dumps({"conv1.weight": _Evil()})
    for name, value in (
        ("expanded", torch.zeros(1).expand(HUGE)), ("sparse", torch.eye(3).to_sparse()), ("complex", torch.zeros(3, dtype=torch.complex64)),
        ("meta", torch.zeros(HUGE, device="meta")), ("scalar", torch.tensor(1.0)), ("no tensor", "text"), ("dictionary", {"a": {}}),
        ("quantised", torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8)),
    ):  # fmt: skip
        yield name, saved({"conv1.weight": value})
        yield (
            f"head is {name}",
            saved({**{n.removeprefix("trunk."): t for n, t in honest_state().items()}, "head.weight": value}),
        )
    yield "names are numbers", saved(dict(enumerate(honest_state().values())))
    yield "list", saved([torch.zeros(3)])
    yield "empty", saved({})
    yield "heads of two sizes", saved({**spoilt("head.bias", lambda t: torch.zeros(7))})
    for name, state in bad_numbers():
        yield name, saved(state)
    yield "bomb", zipped(("archive/data.pkl", bytes(300 << 20)), ("archive/version", b"3\n"), compression=zipfile.ZIP_DEFLATED)
    yield "torchscript", _scripted()
    yield "gzip", b"\x1f\x8b\x08" + rng.randbytes(900)
    yield "noise", rng.randbytes(5000)
    yield "holes", sparse(6 << 30)
    yield from damaged(rng, good, 12)
    inside = zipfile.ZipFile(io.BytesIO(good))
    code = inside.read("archive/data.pkl")
    for name, changed in damaged(rng, code, 18):
        members = [(n, changed if n.endswith("data.pkl") else inside.read(n)) for n in inside.namelist()]
        yield f"pickle {name}", zipped(*members)


def _laughs() -> bytes:
    """A list of 40 lists, each of which holds the one before 41 times."""
    return b"\x80\x02]q\x00" + b"".join(b"(" + bytes([0x68, i]) * 41 + b"lq" + bytes([i + 1]) for i in range(40)) + b"."


def _scripted() -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), stream)
    return stream.getvalue()


def _checkpoints(rng: random.Random) -> Iterator[tuple[str, Callable[[Path], None]]]:
    from engine.runs.checkpoint import _digest, _write_manifest

    weights = pack(honest_state())

    def sealed(meta: object = META, content: bytes = weights, training: bytes | None = None) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            (folder / "meta.json").write_bytes(meta if isinstance(meta, bytes) else json.dumps(meta).encode())
            (folder / "model.safetensors").write_bytes(content)
            if training is not None:
                (folder / "training.pt").write_bytes(training)
            _write_manifest(folder, 1)

        return write

    def listed(files: object, step: object = 1) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            document = {"step": step, "files": files, "sha256": _digest(step, files)}
            (folder / "manifest.json").write_text(json.dumps(document))

        return write

    for number, (field, value) in enumerate(WRONG_META):
        yield f"{field} {number}", sealed({**META, field: value})
    for name, meta in (("list", []), ("deep", b"[" * 100_000), ("text", b"x")):
        yield f"meta {name}", sealed(meta)
    for name, state in bad_numbers():
        if name in ("nan", "one infinity"):
            yield name, sealed(content=pack(state))
    for name, content in (
        ("one tensor", pack({"a": torch.zeros(1)})),
        ("empty", b""),
        ("long header", tensors({}, length=1 << 40)),
    ):
        yield f"weights {name}", sealed(content=content)
    for name, training in (
        ("evil", saved({"a": _Evil()})), ("noise", rng.randbytes(99)), ("code", b"\x80\x02R."),
        ("bomb", zipped(("archive/data.pkl", bytes(300 << 20)), compression=zipfile.ZIP_DEFLATED)),
    ):  # fmt: skip
        yield f"training {name}", sealed(training=training)
    for number, files in enumerate(
        ([], "x", None, {"a": 5}, {"a": {}}, {"../../../etc/passwd": {"size": 1, "sha256": ""}}, {}, 5)
    ):
        yield f"manifest {number}", listed(files)
