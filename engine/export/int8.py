"""The ONNX file in 8-bit integers: smaller, and faster where the processor has instructions for them."""

import contextlib
import logging
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.core.files import temporary_folder
from engine.export.description import INPUT, Description

if TYPE_CHECKING:
    from onnxruntime.quantization import CalibrationDataReader

CALIBRATION = 128  # images whose activations set the ranges
_BATCH = 8
_TRUNK = "/trunk/"
_WITH_WEIGHTS = ("Conv", "MatMul", "Gemm")


def write_int8(source: Path, description: Description, squares: np.ndarray, file: Path) -> None:
    """Write the float32 ONNX `source` with static quantisation: QDQ, weights per channel, ranges from `squares` (n, size, size, 3).

    Softmax and head stay in float32: otherwise the smallest probability would be 1/256.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from engine.export.onnx import save_described

    with temporary_folder(file.parent) as folder, _quiet():
        prepared, quantized = folder / "prepared.onnx", folder / "int8.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        excluded = _float32_nodes([(node.name, node.op_type) for node in onnx.load(prepared).graph.node])
        quantization.quantize_static(
            prepared,
            quantized,
            _calibration_reader(squares),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=[*_WITH_WEIGHTS, "Add", "Clip", "Relu"],
            nodes_to_exclude=excluded,
        )
        save_described(onnx.load(quantized), description, file)


def _float32_nodes(nodes: Sequence[tuple[str, str]]) -> list[str]:
    """The names of (name, operator) nodes that stay in float32: all outside the backbone, and the backbone's first and last layers with
    weights, which lose the most by rounding."""
    layers = [name for name, operator in nodes if name.startswith(_TRUNK) and operator in _WITH_WEIGHTS]
    return [name for name, _ in nodes if not name.startswith(_TRUNK)] + layers[:1] + layers[-1:]


def _calibration_reader(squares: np.ndarray) -> "CalibrationDataReader":
    """Batches of images, as onnxruntime's calibration pulls them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = (squares[i : i + _BATCH] for i in range(0, len(squares), _BATCH))

        # onnxruntime declares `-> dict`, and stops at None.
        def get_next(self) -> dict[str, np.ndarray] | None:  # pyrefly: ignore[bad-override]
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: np.ascontiguousarray(batch)}

    return Reader()


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Silences the advice that quantisation logs for its own developers."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
