"""An ONNX file that answers: onnxruntime alone, no torch."""

import os
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.core import sandbox
from engine.core.errors import UserError
from engine.export.description import INPUT, KEY, OUTPUT, Described, from_json

MODEL = "model.onnx"  # in a bundle
_LARGEST, _LARGEST_FILE = 2 << 30, 8 << 30  # bytes: of a graph (protobuf allows no more), of a bundle
_GROWTH = 1.2  # a bundle holds the graph as it is; other programs pack it, and gain little


@dataclass(frozen=True)
class OnnxModel:
    """What `engine.inference.predict.predict` needs of a model, from a file. Threads may share it."""

    meta: Described
    session: Any
    notes: tuple[str, ...] = ()

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, rows sum to 1, calibrated."""
        return self.session.run([OUTPUT], {INPUT: np.ascontiguousarray(squares)})[0]

    @cached_property
    def providers(self) -> tuple[str, ...]:
        return tuple(self.session.get_providers())


def is_model_file(path: str) -> bool:
    """Whether a name stands for a handed-over file rather than for a run."""
    return path.lower().endswith((".onnx", ".zip"))


def load_from_elsewhere(file: Path, threads: int = 0) -> OnnxModel:
    """`load` of a file that anybody may have written: it is read, and asked about a picture, in a sandbox first. Raises UserError."""
    sandbox.check_ordinary(file, _LARGEST_FILE)
    arguments = {"file": str(file.absolute())}
    sandbox.call("engine.export.session:check_answer", arguments, file, sandbox.SandboxLimits().for_file(file))
    return load(file, threads)


def check_answer(file: str) -> None:
    """Called in a sandbox. Raises UserError where the file does not answer a picture as it says, or whatever a damaged file causes."""
    model = load(Path(file), threads=1)
    size = model.meta.image_size
    check_probabilities(model.probabilities(np.full((1, size, size, 3), 128, np.uint8)), len(model.meta.classes), file)


def check_probabilities(answer: np.ndarray, classes: int, file: str) -> None:
    """Raises UserError where it is not one row of that many numbers."""
    if answer.shape != (1, classes) or answer.dtype.kind != "f" or not np.isfinite(answer).all():
        raise UserError(f"The model in {file!r} does not answer a picture with {classes} probabilities.", "Export it again.")


def load(file: Path, threads: int = 0) -> OnnxModel:
    """The model of an ONNX file, or of a bundle. `threads`: 0 for all cores. Raises UserError."""
    # Importing it takes 100 ms, and most commands have no use for it.
    import onnxruntime

    content = _content(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's errors have no class in common but Exception, and all come from the file.
        raise UserError(f"{str(file)!r} is not an ONNX model that can be run ({str(error).splitlines()[0][:120]}).") from error
    said = session.get_modelmeta().custom_metadata_map.get(KEY, "")
    meta = from_json(said, repr(str(file)))
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


def _check(session: Any, meta: Described, file: Path) -> None:
    given, taken = session.get_inputs(), session.get_outputs()
    names = [value.name for value in given], [value.name for value in taken]
    size = meta.image_size
    # A scalar has no last side, and a file may give any number of outputs.
    if (
        names != ([INPUT], [OUTPUT]) or list(given[0].shape[1:]) != [size, size, 3] or given[0].type != "tensor(uint8)"
        or len(taken[0].shape) != 2 or taken[0].shape[-1] != len(meta.classes) or taken[0].type != "tensor(float)"
    ):  # fmt: skip
        raise UserError(f"{str(file)!r} does not accept or return what its description says.", "Export it again.")
