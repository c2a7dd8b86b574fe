"""From pictures to answers."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.core.errors import UserError
from engine.data.loading import Source, decode_batches
from engine.data.unused_files import Tally, UnusedReport
from engine.data.walk import walk_files

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Predictor(Protocol):
    """What answers: `engine.models.model.Model`, or a handed-over file (`engine.export.session.OnnxModel`)."""

    @property
    def meta(self) -> Any:
        """Of which `classes` and `image_size` are asked for."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, rows sum to 1."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture: `top` holds (class, probability), best first; or why it could not be read.

    `square`: what the network saw, (size, size, 3) uint8. `probabilities`: (classes,) float32 in the model's order. `features`:
    (features,) float32, what the trunk made of the picture. `energy`: see `Model.energy_of`. A handed-over file has neither.
    """

    source: int
    top: tuple[tuple[str, float], ...] = ()
    square: np.ndarray | None = None
    error: str = ""
    probabilities: np.ndarray | None = None
    features: np.ndarray | None = None
    energy: float = float("nan")


def predict(
    model: Predictor, sources: Sequence[Source], top: int = 3, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Prediction]:
    """One answer for each source, in order: a path, or the bytes of a file."""
    result: list[Prediction] = []
    for some in predict_in_batches(model, sources, top):
        result += some
        progress(len(result), len(sources))
    return result


def predict_in_batches(
    model: Predictor, sources: Sequence[Source], top: int = 3, batch_size: int = 32
) -> Iterator[list[Prediction]]:
    """The answers as they are made, some at a time, in the order of the sources."""
    for batch in decode_batches(sources, model.meta.image_size, batch_size=batch_size):
        result = {index: Prediction(index, error=reason) for index, reason in batch.failures.items()}
        if len(batch.indices):
            said = _said(model, batch.images)
            for index, square, row, vector, energy in zip(batch.indices.tolist(), batch.images, *said, strict=True):
                result[index] = Prediction(index, _best(row, model.meta.classes, top), square, "", row, vector, float(energy))
        yield [result[index] for index in sorted(result)]


def _said(model: Predictor, squares: np.ndarray) -> tuple[Sequence, Sequence, Sequence]:
    """Probabilities, features and energies of n squares; a handed-over file gives the probabilities alone."""
    if not hasattr(model, "features"):
        return model.probabilities(squares), [None] * len(squares), [float("nan")] * len(squares)
    features = model.features(squares)
    return model.probabilities_of(features), features, model.energy_of(features)


def expand_paths(paths: Sequence[str]) -> list[Path]:
    """The files named, and the pictures in the folders named. Raises UserError for what is not there."""
    return expand_paths_with_report(paths)[0]


def expand_paths_with_report(paths: Sequence[str]) -> tuple[list[Path], UnusedReport]:
    """The same, with what in the folders is not used."""
    files: list[Path] = []
    tally = Tally(Path())
    for name in paths:
        path = Path(name)
        if _ADDRESS.match(name):
            raise UserError(f"{name!r} is an address on the network, not a file.", "Download the picture, and name its file.")
        if not path.exists():
            raise UserError(f"There is no file {name!r}.")
        files += sorted(Path(item.path) for item in walk_files(path) if tally.is_image_file(item)) if path.is_dir() else [path]
    report = tally.report()
    if not files:
        summary = f" {report.summary}." if report.files else ""
        raise UserError(f"There are no images in the folders named.{summary}", "Name image files, or folders that hold some.")
    return files, report


def _best(row: np.ndarray, classes: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-row, kind="stable")[:top]
    return tuple((classes[i], float(row[i])) for i in order)
