"""Model files that want to break whatever opens them, made by a seed: bundles, state dicts, ONNX graphs, checkpoints of copied runs.

`files(folder, seed)` writes them one at a time. None is dangerous outside a reader that trusts it, and none is a model.
"""

import functools
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save as pack

from engine import network
from engine.network import Classifier

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


class HostileModel(NamedTuple):
    """A file or run directory, and what is tried with it: "bundle", "weights", "onnx" or "run"."""

    name: str
    kind: str
    path: Path


@functools.cache
def honest_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    trunk = network.build(BACKBONE, "none", SIZE)
    return {
        name: tensor.contiguous() for name, tensor in Classifier(trunk.module, trunk.features, len(CLASSES)).state_dict().items()
    }


def files(folder: Path, seed: int = 0) -> Iterator[HostileModel]:
    rng = random.Random(seed)
    for kind, make, ending in (
        ("bundle", _bundles, "zip"), ("weights", _safetensors, "safetensors"), ("weights", _pickles, "pth"), ("onnx", _graphs, "onnx"),
    ):  # fmt: skip
        for number, (name, content) in enumerate(make(rng)):
            file = folder / f"{kind}-{number:03d}-{name}.{ending}"
            content(file) if callable(content) else file.write_bytes(content)
            yield HostileModel(f"{ending}: {name}", kind, file)
    for number, (name, content) in enumerate(_onnx_bundles()):
        file = folder / f"onnx-bundle-{number}.zip"
        file.write_bytes(content)
        yield HostileModel(f"onnx in zip: {name}", "onnx", file)
    for number, (name, write) in enumerate(_checkpoints(rng)):
        run = folder / f"run-{number}"
        checkpoint = run / "checkpoints" / "best-000001"
        checkpoint.mkdir(parents=True)
        write(checkpoint)
        yield HostileModel(f"run: {name}", "run", run)


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


def _spoilt(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
    """The honest weights, with the tensors that end in `name` changed."""
    return {key: change(tensor.clone()) if key.endswith(name) else tensor for key, tensor in honest_state().items()}


def _bad_numbers() -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    yield "nan", _spoilt("head.weight", lambda t: t.fill_(float("nan")))
    yield "one infinity", _spoilt("head.bias", lambda t: t.index_fill_(0, torch.tensor([0]), float("inf")))
    yield "overflow", _spoilt("head.weight", lambda t: t.fill_(3e38).index_fill_(0, torch.tensor([1]), -3e38))
    yield "negative variance", _spoilt("running_var", lambda t: t.fill_(-9.0))


def _damaged(rng: random.Random, content: bytes, count: int, within: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Cut off, or with bytes changed in its first `within` bytes."""
    for number in range(count):
        if number % 3 == 0:
            yield f"cut {number}", content[: rng.randrange(len(content) - 200)]
            continue
        changed = bytearray(content)
        for _ in range(rng.choice((8, 60))):
            changed[rng.randrange(min(within or len(changed), len(changed)))] = rng.randrange(256)
        yield f"changed {number}", bytes(changed)


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
    yield "wrong sum", _patched(good, 16, b"\1\2\3\4")
    yield "unknown method", _patched(good, 10, b"\x63\0")
    yield "larger than it is", _patched(good, 24, b"\xff\xff\xff\x7f")
    for name, state in _bad_numbers():
        yield name, bundle(weights=pack(state))
    yield "one tensor", bundle(weights=pack({"trunk.x": torch.zeros(1)}))
    yield "too many tensors", bundle(weights=pack({**honest_state(), "more": torch.zeros(1)}))
    yield from _damaged(rng, good, 4)


def _patched(content: bytes, offset: int, value: bytes) -> bytes:
    changed, place = bytearray(content), content.find(b"PK\x01\x02")
    while place >= 0:
        changed[place + offset : place + offset + len(value)] = value
        place = content.find(b"PK\x01\x02", place + 4)
    return bytes(changed)


def _sparse(size: int, start: bytes = b"") -> Callable[[Path], None]:
    def write(file: Path) -> None:
        file.write_bytes(start)
        os.truncate(file, size)

    return write


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
    yield "terabytes", _sparse(2 << 40, tensors({"a": {"dtype": "F32", "shape": [HUGE // 4], "data_offsets": [0, HUGE]}}))
    width = 3 << 30
    claim = {"a": {"dtype": "F32", "shape": [width // 4], "data_offsets": [0, width]}}
    head = tensors(claim)
    yield "gigabytes of holes", _sparse(width + len(head), head)
    for name, state in _bad_numbers():
        yield name, pack(state)
    yield "another model", pack({"conv1.weight": torch.zeros(64, 3, 7, 7)})
    yield from _damaged(rng, pack(honest_state()), 9, within=20_000)


class _Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("/tmp/scenescope-evil-was-here",)


def _pickles(rng: random.Random) -> Iterator[tuple[str, Any]]:
    good = _saved(honest_state())
    for name, code in (
        ("nothing", b"\x80\x02."), ("pop", b"\x80\x020."), ("reduce", b"\x80\x02R."), ("memo", b"\x80\x02h\x05."), ("mark", b"\x80\x02(."),
        ("tuple", b"\x80\x02\x87."), ("build", b"\x80\x02b."), ("append", b"\x80\x02]a."), ("items", b"\x80\x02}(u."),
        ("global", b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."), ("persistent", b"\x80\x02X\1\0\0\0aQ."), ("put", b"\x80\x02q\xff."),
        ("long text", b"\x80\x02X\xff\xff\xff\x7f."), ("protocol", b"\x80\x63."), ("deep", b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."),
        ("laughs", _laughs()),
    ):  # fmt: skip
        yield f"code {name}", code
        yield f"code {name} in a zip", zipped(("archive/data.pkl", code), ("archive/version", b"3\n"))
    yield "evil", _saved({"conv1.weight": _Evil()})
    yield "evil, old", pickle.dumps({"conv1.weight": _Evil()})
    for name, value in (
        ("expanded", torch.zeros(1).expand(HUGE)), ("sparse", torch.eye(3).to_sparse()), ("complex", torch.zeros(3, dtype=torch.complex64)),
        ("meta", torch.zeros(HUGE, device="meta")), ("scalar", torch.tensor(1.0)), ("no tensor", "text"), ("dictionary", {"a": {}}),
        ("quantised", torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8)),
    ):  # fmt: skip
        yield name, _saved({"conv1.weight": value})
        yield (
            f"head is {name}",
            _saved({**{n.removeprefix("trunk."): t for n, t in honest_state().items()}, "head.weight": value}),
        )
    yield "names are numbers", _saved(dict(enumerate(honest_state().values())))
    yield "list", _saved([torch.zeros(3)])
    yield "empty", _saved({})
    yield "heads of two sizes", _saved({**_spoilt("head.bias", lambda t: torch.zeros(7))})
    for name, state in _bad_numbers():
        yield name, _saved(state)
    yield "bomb", zipped(("archive/data.pkl", bytes(300 << 20)), ("archive/version", b"3\n"), compression=zipfile.ZIP_DEFLATED)
    yield "torchscript", _scripted()
    yield "gzip", b"\x1f\x8b\x08" + rng.randbytes(900)
    yield "noise", rng.randbytes(5000)
    yield "holes", _sparse(6 << 30)
    yield from _damaged(rng, good, 12)
    inside = zipfile.ZipFile(io.BytesIO(good))
    code = inside.read("archive/data.pkl")
    for name, changed in _damaged(rng, code, 18):
        members = [(n, changed if n.endswith("data.pkl") else inside.read(n)) for n in inside.namelist()]
        yield f"pickle {name}", zipped(*members)


def _laughs() -> bytes:
    """A list of 40 lists, each of which holds the one before 41 times."""
    return b"\x80\x02]q\x00" + b"".join(b"(" + bytes([0x68, i]) * 41 + b"lq" + bytes([i + 1]) for i in range(40)) + b"."


def _saved(value: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def _scripted() -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), stream)
    return stream.getvalue()


def graph(nodes: list | None = None, output: Any = None, said: Any = None, initializers: tuple = (), **changes: Any) -> bytes:
    """A model that answers a picture with the mean of its colours, changed."""
    described = {**META, "temperature": 1.0, "views": "one"} if said is None else said
    nodes = nodes or [
        helper.make_node("Cast", ["images"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["m"], ["probabilities"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])]
    outputs = [output or helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])]
    made = helper.make_graph(
        nodes, "g", changes.pop("inputs", inputs), changes.pop("outputs", outputs), initializer=list(initializers)
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", changes.pop("opset", 17))], ir_version=changes.pop("ir", 8)
    )
    helper.set_model_props(model, {"scenescope": described if isinstance(described, str) else json.dumps(described)})
    return model.SerializeToString()


def _graphs(rng: random.Random) -> Iterator[tuple[str, Any]]:
    value = helper.make_tensor_value_info
    yield (
        "scalar output",
        graph(
            [
                helper.make_node("Cast", ["images"], ["f"], to=1),
                helper.make_node("ReduceMean", ["f"], ["probabilities"], keepdims=0),
            ],
            value("probabilities", TensorProto.FLOAT, []),
        ),
    )
    for field, wrong in WRONG_META:
        if field in ("classes", "image_size", "views") and wrong not in ([1], ["a", "b", " "]):
            yield f"{field} {str(wrong)[:12]}", graph(said={**META, "temperature": 1.0, "views": "one", field: wrong})
    for name, said in (("empty", ""), ("text", "x"), ("deep", "[" * 100_000), ("list", "[]"), ("null", "null")):
        yield f"says {name}", graph(said=said)
    yield (
        "two inputs",
        graph(inputs=[value("images", TensorProto.UINT8, ["n", 64, 64, 3]), value("more", TensorProto.FLOAT, [1])]),
    )
    yield "other names", graph(outputs=[value("m", TensorProto.FLOAT, ["n", 3])])
    yield "other opset", graph(opset=9999)
    yield "other version", graph(ir=9999)
    yield "unknown operator", graph([helper.make_node("Explode", ["images"], ["probabilities"])])
    yield "circle", graph([helper.make_node("Add", ["a", "b"], ["b"]), helper.make_node("Add", ["b", "b"], ["a"])])
    yield "nothing", graph([helper.make_node("Identity", ["none"], ["probabilities"])])
    yield from _costly_graphs()
    for name, location in (("password", "/etc/passwd"), ("above", "../../../../etc/passwd"), ("missing", "weights.bin")):
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=location)
        yield f"external {name}", graph(_adding("w"), initializers=(tensor,))
    yield "claims a terabyte", graph(_adding("w"), initializers=(TensorProto(name="w", data_type=1, dims=[HUGE]),))
    yield "negative size", graph(_adding("w"), initializers=(TensorProto(name="w", data_type=1, dims=[-3]),))
    yield "nan weights", graph(_adding("w"), initializers=(onnx.numpy_helper.from_array(np.full(3, np.nan, np.float32), "w"),))
    yield "empty", b""
    yield "text", b"no model at all\n" * 50
    yield "holes", _sparse(1 << 31)
    yield "many holes", _sparse(1 << 41)
    yield from _damaged(rng, graph(), 18)


def _adding(name: str) -> list:
    return [
        helper.make_node("Cast", ["images"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2], keepdims=0),
        helper.make_node("Add", ["m", name], ["probabilities"]),
    ]


def _costly_graphs() -> Iterator[tuple[str, bytes]]:
    """Small files that ask for a terabyte, or for ever."""
    shape = onnx.numpy_helper.from_array(np.array([1 << 20, 1 << 18], np.int64), "shape")
    one = onnx.numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    for operator, inputs in (("ConstantOfShape", ["shape"]), ("Expand", ["one", "shape"]), ("Tile", ["one", "shape"])):
        nodes = [
            helper.make_node(operator, inputs, ["w"]),
            helper.make_node("ReduceMean", ["w"], ["s"], keepdims=0),
            *_adding("s"),
        ]
        yield f"huge {operator}", graph(nodes, initializers=(shape, one))
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["x", "x"], ["y"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    true = onnx.numpy_helper.from_array(np.array(True), "true")
    nodes = [helper.make_node("Loop", ["", "true", "zero"], ["w"], body=body), *_adding("w")]
    yield "for ever", graph(nodes, initializers=(true, onnx.numpy_helper.from_array(np.zeros(3, np.float32), "zero")))
    chain = [helper.make_node("Identity", [f"x{i}"], [f"x{i + 1}"]) for i in range(30_000)]
    yield (
        "long chain",
        graph([helper.make_node("Cast", ["images"], ["x0"], to=1), *chain], helper.make_tensor_value_info("x30000", 1, None)),
    )


def _onnx_bundles() -> Iterator[tuple[str, bytes]]:
    start = graph()
    for name, compression in (("deflated", zipfile.ZIP_DEFLATED), ("bzip2", zipfile.ZIP_BZIP2)):
        yield f"bomb {name}", zipped(("model.onnx", start + bytes(400 << 20)), compression=compression)
    yield "no model", zipped(("meta.json", b"{}"))
    yield "wrong sum", _patched(zipped(("model.onnx", start)), 16, b"\1\2\3\4")
    yield "larger than it is", _patched(zipped(("model.onnx", start)), 24, b"\xff\xff\xff\x7f")


def _checkpoints(rng: random.Random) -> Iterator[tuple[str, Callable[[Path], None]]]:
    from engine.training.checkpoint import _digest, _seal

    weights = pack(honest_state())

    def sealed(meta: object = META, content: bytes = weights, training: bytes | None = None) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            (folder / "meta.json").write_bytes(meta if isinstance(meta, bytes) else json.dumps(meta).encode())
            (folder / "model.safetensors").write_bytes(content)
            if training is not None:
                (folder / "training.pt").write_bytes(training)
            _seal(folder, 1)

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
    for name, state in _bad_numbers():
        if name in ("nan", "one infinity"):
            yield name, sealed(content=pack(state))
    for name, content in (
        ("one tensor", pack({"a": torch.zeros(1)})),
        ("empty", b""),
        ("long header", tensors({}, length=1 << 40)),
    ):
        yield f"weights {name}", sealed(content=content)
    for name, training in (
        ("evil", _saved({"a": _Evil()})), ("noise", rng.randbytes(99)), ("code", b"\x80\x02R."),
        ("bomb", zipped(("archive/data.pkl", bytes(300 << 20)), compression=zipfile.ZIP_DEFLATED)),
    ):  # fmt: skip
        yield f"training {name}", sealed(training=training)
    for number, files in enumerate(
        ([], "x", None, {"a": 5}, {"a": {}}, {"../../../etc/passwd": {"size": 1, "sha256": ""}}, {}, 5)
    ):
        yield f"manifest {number}", listed(files)
