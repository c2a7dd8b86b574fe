"""An ONNX file as a model: onnxruntime alone, no torch."""

import os
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.core import sandbox
from engine.core.errors import UserError
from engine.export.description import INPUT, KEY, OUTPUT, Description, parse_description

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODEL = "model.onnx"  # in a bundle
_LARGEST, _LARGEST_FILE = 2 << 30, 8 << 30  # bytes: of a graph (protobuf allows no more), of a bundle
_GROWTH = 1.2  # a bundle stores the graph uncompressed; other programs may compress it, and gain little


@dataclass(frozen=True)
class OnnxModel:
    """A model from a file, with all that `engine.inference.predict.predict` needs. Threads may share it."""

    meta: Description
    session: "InferenceSession"
    notes: tuple[str, ...] = ()

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, rows sum to 1, calibrated."""
        return np.asarray(self.session.run([OUTPUT], {INPUT: np.ascontiguousarray(squares)})[0])

    @cached_property
    def providers(self) -> tuple[str, ...]:
        return tuple(self.session.get_providers())


def is_model_file(path: str) -> bool:
    """Whether the name is one of an exported file rather than of a run."""
    return path.lower().endswith((".onnx", ".zip"))


def load_untrusted(file: Path, threads: int = 0) -> OnnxModel:
    """`load` for a file of unknown origin: it is first read, and tried on one image, in a sandbox. Raises UserError."""
    sandbox.check_ordinary(file, _LARGEST_FILE)
    arguments = {"file": str(file.absolute())}
    sandbox.call("engine.export.session:check_model", arguments, file, sandbox.SandboxLimits().for_file(file))
    return load(file, threads)


def check_model(file: str) -> None:
    """Try the file on one image. Called in a sandbox, because a damaged file may raise anything.

    Raises UserError where the prediction is not what the file's description says.
    """
    model = load(Path(file), threads=1)
    size = model.meta.image_size
    check_probabilities(model.probabilities(np.full((1, size, size, 3), 128, np.uint8)), len(model.meta.classes), file)


def check_probabilities(probabilities: np.ndarray, classes: int, file: str) -> None:
    """Raises UserError unless the prediction for one image is a row of finite numbers, one per class."""
    if probabilities.shape != (1, classes) or probabilities.dtype.kind != "f" or not np.isfinite(probabilities).all():
        raise UserError(f"The model in {file!r} does not return {classes} probabilities per image.", "Export it again.")


def load(file: Path, threads: int = 0) -> OnnxModel:
    """The model of an ONNX file, or of a bundle. `threads`: 0 for all cores. Raises UserError."""
    # Here, because the import takes 100 ms and most commands do not need it.
    import onnxruntime

    content = _content(file)
    options = onnxruntime.SessionOptions()
    # The cores that this process may use, which may be fewer than the machine has.
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads
    options.log_severity_level = 3  # errors only; warnings would end up among the output of commands
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's errors have no base class but Exception, and all are caused by the file.
        raise UserError(f"{str(file)!r} is not an ONNX model that can be run ({str(error).splitlines()[0][:120]}).") from error
    text = session.get_modelmeta().custom_metadata_map.get(KEY, "")
    meta = parse_description(text, repr(str(file)))
    _check(session, meta, file)
    return OnnxModel(meta, session)


def _content(file: Path) -> bytes:
    is_bundle = file.suffix.lower() == ".zip"
    sandbox.check_ordinary(file, _LARGEST_FILE if is_bundle else _LARGEST)
    try:
        if not is_bundle:
            return file.read_bytes()
        with zipfile.ZipFile(file) as bundle:
            member = bundle.getinfo(MODEL)
            if member.file_size > min(_LARGEST, _GROWTH * file.stat().st_size):
                raise UserError(f"{MODEL} in {str(file)!r} is larger than 2 GB, or unpacks to far more than its own size.")
            return bundle.read(member)
    except KeyError:
        raise UserError(
            f"{str(file)!r} is not a bundle: it contains no {MODEL}.", "Write one: python -m engine export ID --format bundle"
        ) from None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"{str(file)!r} cannot be read ({str(error)[:100]}).") from error


def _check(session: "InferenceSession", meta: Description, file: Path) -> None:
    """Raises UserError where the graph's inputs or outputs are not those of the description."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    names = [value.name for value in inputs], [value.name for value in outputs]
    size = meta.image_size
    # Names first: the rest reads the only input and the only output. A scalar output has no last dimension.
    if (
        names != ([INPUT], [OUTPUT]) or list(inputs[0].shape[1:]) != [size, size, 3] or inputs[0].type != "tensor(uint8)"
        or len(outputs[0].shape) != 2 or outputs[0].shape[-1] != len(meta.classes) or outputs[0].type != "tensor(float)"
    ):  # fmt: skip
        raise UserError(f"{str(file)!r} does not match its own description.", "Export it again.")
