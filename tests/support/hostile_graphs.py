"""ONNX files that want to break whatever opens them: outputs of no size, loops without an end, terabytes, weights elsewhere."""

import json
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from hostile_parts import HUGE, META, SIZE, WRONG_META, damaged, patched, sparse, zipped
from onnx import TensorProto, helper


def graph(
    nodes: list | None = None, output: Any = None, description: Any = None, initializers: tuple = (), **changes: Any
) -> bytes:
    """A model that answers a picture with the mean of its colours, changed."""
    described = {**META, "temperature": 1.0, "views": "one"} if description is None else description
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


def graphs(rng: random.Random) -> Iterator[tuple[str, Any]]:
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
            yield f"{field} {str(wrong)[:12]}", graph(description={**META, "temperature": 1.0, "views": "one", field: wrong})
    for name, description in (("empty", ""), ("text", "x"), ("deep", "[" * 100_000), ("list", "[]"), ("null", "null")):
        yield f"says {name}", graph(description=description)
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
    yield from costly_graphs()
    for name, location in (("password", "/etc/passwd"), ("above", "../../../../etc/passwd"), ("missing", "weights.bin")):
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=location)
        yield f"external {name}", graph(adding("w"), initializers=(tensor,))
    yield "claims a terabyte", graph(adding("w"), initializers=(TensorProto(name="w", data_type=1, dims=[HUGE]),))
    yield "negative size", graph(adding("w"), initializers=(TensorProto(name="w", data_type=1, dims=[-3]),))
    yield "nan weights", graph(adding("w"), initializers=(onnx.numpy_helper.from_array(np.full(3, np.nan, np.float32), "w"),))
    yield "empty", b""
    yield "text", b"no model at all\n" * 50
    yield "holes", sparse(1 << 31)
    yield "many holes", sparse(1 << 41)
    yield from damaged(rng, graph(), 18)


def adding(name: str) -> list:
    return [
        helper.make_node("Cast", ["images"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2], keepdims=0),
        helper.make_node("Add", ["m", name], ["probabilities"]),
    ]


def costly_graphs() -> Iterator[tuple[str, bytes]]:
    """Small files that ask for a terabyte, or for ever."""
    shape = onnx.numpy_helper.from_array(np.array([1 << 20, 1 << 18], np.int64), "shape")
    one = onnx.numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    for operator, inputs in (("ConstantOfShape", ["shape"]), ("Expand", ["one", "shape"]), ("Tile", ["one", "shape"])):
        nodes = [
            helper.make_node(operator, inputs, ["w"]),
            helper.make_node("ReduceMean", ["w"], ["s"], keepdims=0),
            *adding("s"),
        ]
        yield f"huge {operator}", graph(nodes, initializers=(shape, one))
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["x", "x"], ["y"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    true = onnx.numpy_helper.from_array(np.array(True), "true")
    nodes = [helper.make_node("Loop", ["", "true", "zero"], ["w"], body=body), *adding("w")]
    yield "for ever", graph(nodes, initializers=(true, onnx.numpy_helper.from_array(np.zeros(3, np.float32), "zero")))
    chain = [helper.make_node("Identity", [f"x{i}"], [f"x{i + 1}"]) for i in range(30_000)]
    yield (
        "long chain",
        graph([helper.make_node("Cast", ["images"], ["x0"], to=1), *chain], helper.make_tensor_value_info("x30000", 1, None)),
    )


def bundles() -> Iterator[tuple[str, bytes]]:
    start = graph()
    for name, compression in (("deflated", zipfile.ZIP_DEFLATED), ("bzip2", zipfile.ZIP_BZIP2)):
        yield f"bomb {name}", zipped(("model.onnx", start + bytes(400 << 20)), compression=compression)
    yield "no model", zipped(("meta.json", b"{}"))
    yield "wrong sum", patched(zipped(("model.onnx", start)), 16, b"\1\2\3\4")
    yield "larger than it is", patched(zipped(("model.onnx", start)), 24, b"\xff\xff\xff\x7f")
