"""From images to predictions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.loading import Source, decode_batches
from engine.data.predictions import ImagePrediction
from engine.data.unused_files import Tally, UnusedReport
from engine.data.walk import walk_files

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Predictor(Protocol):
    """A model that predicts: `engine.models.model.Model`, or an exported file (`engine.export.session.OnnxModel`)."""

    @property
    def meta(self) -> Any:
        """A description with `classes` and `image_size`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was ignored when the model was loaded."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, rows sum to 1."""


@runtime_checkable
class FeaturePredictor(Predictor, Protocol):
    """A model that also gives the features on which out-of-distribution detection works; an exported file does not."""

    def features(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, features) float32."""

    def probabilities_of(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float32, rows sum to 1."""

    def energy_of(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n,): see `Model.energy_of`."""


@dataclass(frozen=True, eq=False)
class Prediction(ImagePrediction):
    """What the model predicts for a source, and what else is known from the same pass.

    `source`: its place among the sources. `square`: what the network saw, (size, size, 3) uint8; empty for a source that could not be
    read. `features`: (features,) float32, the trunk's output. `energy`: see `Model.energy_of`. An exported file gives neither.
    """

    source: int = 0
    square: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 3), np.uint8))
    features: np.ndarray | None = None
    energy: float = float("nan")


def predict(model: Predictor, sources: Sequence[Source], report: ReportProgress = ignore_progress) -> list[Prediction]:
    """One prediction per source, in order; a source is a path, or the bytes of a file."""
    result: list[Prediction] = []
    for predictions in predict_in_batches(model, sources):
        result += predictions
        report(Progress("predicting", len(result), len(sources)))
    return result


def predict_in_batches(model: Predictor, sources: Sequence[Source], batch_size: int = 32) -> Iterator[list[Prediction]]:
    """The predictions batch by batch as they are made, in the order of the sources."""
    classes = tuple(model.meta.classes)
    for batch in decode_batches(sources, model.meta.image_size, batch_size=batch_size):
        result = {index: unreadable(classes, reason, index) for index, reason in batch.failures.items()}
        if len(batch.indices):
            outputs = _outputs(model, batch.images)
            for index, square, (row, vector, energy) in zip(batch.indices.tolist(), batch.images, outputs, strict=True):
                result[index] = Prediction(classes, row, source=index, square=square, features=vector, energy=energy)
        yield [result[index] for index in sorted(result)]


def unreadable(classes: tuple[str, ...], reason: str, source: int = 0) -> Prediction:
    """In place of the prediction for a source that could not be read."""
    return Prediction(classes, np.empty(0, np.float32), error=reason, source=source)


def _outputs(model: Predictor, squares: np.ndarray) -> list[tuple[np.ndarray, np.ndarray | None, float]]:
    """Probabilities, features and energy per square; an exported file gives the probabilities alone."""
    if not isinstance(model, FeaturePredictor):
        return [(row, None, float("nan")) for row in model.probabilities(squares)]
    # The trunk runs once: probabilities and energies both follow from its features.
    features = model.features(squares)
    return list(zip(model.probabilities_of(features), features, model.energy_of(features).tolist(), strict=True))


def expand_paths(paths: Sequence[str]) -> list[Path]:
    """The named files, and the images in the named folders. Raises UserError for a path that does not exist."""
    return expand_paths_with_report(paths)[0]


def expand_paths_with_report(paths: Sequence[str]) -> tuple[list[Path], UnusedReport]:
    """As `expand_paths`, with a report of the files in the folders that are not used."""
    files: list[Path] = []
    tally = Tally(Path())
    for name in paths:
        path = Path(name)
        if _ADDRESS.match(name):
            raise UserError(f"{name!r} is an address on the network, not a file.", "Download the image, and name its file.")
        if not path.exists():
            raise UserError(f"There is no file {name!r}.")
        files += sorted(Path(item.path) for item in walk_files(path) if tally.is_image_file(item)) if path.is_dir() else [path]
    report = tally.report()
    if not files:
        summary = f" {report.summary}." if report.files else ""
        raise UserError(f"There are no images in the folders named.{summary}", "Name image files, or folders that hold some.")
    return files, report
