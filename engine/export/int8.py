"""The ONNX file in 8-bit integers: smaller, and faster where the processor multiplies them."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from engine.core.files import temporary_folder
from engine.export.description import INPUT, Described

CALIBRATION = 128  # pictures whose activations set the ranges
_BATCH = 8
_TRUNK = "/trunk/"
_WEIGHED = ("Conv", "MatMul", "Gemm")


def write_int8(source: Path, said: Described, squares: np.ndarray, file: Path) -> None:
    """Static quantisation of the float32 ONNX `source`: QDQ, weights per channel, ranges from `squares` (n, size, size, 3).

    Softmax and head stay in float32: a 256th would be the smallest probability otherwise.
    """
    import onnx
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from engine.export.onnx import describe

    with temporary_folder(file.parent) as folder, _quiet():
        prepared, written = folder / "prepared.onnx", folder / "int8.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        kept = _kept_exact([(node.name, node.op_type) for node in onnx.load(prepared).graph.node])
        q.quantize_static(
            prepared, written, _Reader(squares), quant_format=q.QuantFormat.QDQ, per_channel=True,
            activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8,
            op_types_to_quantize=[*_WEIGHED, "Add", "Clip", "Relu"], nodes_to_exclude=kept,
        )  # fmt: skip
        describe(onnx.load(written), said, file)


def _kept_exact(nodes: Sequence[tuple[str, str]]) -> list[str]:
    """What stays in float32: all but the backbone, and the backbone's first and last weighed layers, which bear rounding worst."""
    weighed = [name for name, kind in nodes if name.startswith(_TRUNK) and kind in _WEIGHED]
    return [name for name, _ in nodes if not name.startswith(_TRUNK)] + weighed[:1] + weighed[-1:]


class _Reader:
    """Batches of pictures, as onnxruntime's calibration asks for them."""

    def __init__(self, squares: np.ndarray) -> None:
        self._batches: Iterator[np.ndarray] = (squares[i : i + _BATCH] for i in range(0, len(squares), _BATCH))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: np.ascontiguousarray(batch)}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that quantisation logs for its own developers."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
