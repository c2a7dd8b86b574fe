"""An ONNX file that answers: onnxruntime alone, no torch."""

import io
import os
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.export.described import INPUT, KEY, OUTPUT, Described, from_json

MODEL = "model.onnx"  # in a bundle
_LARGEST = 2 << 30


@dataclass(frozen=True)
class OnnxModel:
    """What `engine.predict.predict` needs of a model, from a file. Threads may share it."""

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
        raise UserError(f"{str(file)!r} is no ONNX model that can be run ({str(error).splitlines()[0][:120]}).") from error
    said = session.get_modelmeta().custom_metadata_map.get(KEY, "")
    meta = from_json(said, repr(str(file)))
    _check(session, meta, file)
    return OnnxModel(meta, session)


def _content(file: Path) -> bytes:
    try:
        if file.suffix.lower() != ".zip":
            return file.read_bytes()
        with zipfile.ZipFile(file) as bundle:
            if bundle.getinfo(MODEL).file_size > _LARGEST:
                raise UserError(f"{MODEL} in {str(file)!r} is larger than 2 GB.")
            return bundle.read(MODEL)
    except FileNotFoundError:
        raise UserError(f"There is no file {str(file)!r}.") from None
    except KeyError:
        raise UserError(
            f"{str(file)!r} is no bundle: it holds no {MODEL}.", "Write one: python -m engine export ID --format bundle"
        ) from None
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, io.UnsupportedOperation) as error:
        raise UserError(f"{str(file)!r} cannot be read ({error}).") from error


def _check(session: Any, meta: Described, file: Path) -> None:
    names = [value.name for value in session.get_inputs()], [value.name for value in session.get_outputs()]
    shape = session.get_inputs()[0].shape[1:]
    size = meta.image_size
    if names != ([INPUT], [OUTPUT]) or list(shape) != [size, size, 3] or session.get_outputs()[0].shape[-1] != len(meta.classes):
        raise UserError(f"{str(file)!r} does not take or give what it says of itself.", "Export it again.")
