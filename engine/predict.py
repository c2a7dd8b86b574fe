"""From pictures to answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.data.images import looks_like_image
from engine.data.loading import Source, decoded_batches
from engine.errors import UserError


class Answering(Protocol):
    """What answers: `engine.model.Model`, or a handed-over file (`engine.export.session.OnnxModel`)."""

    @property
    def meta(self) -> Any:
        """Of which `classes` and `image_size` are asked for."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, rows sum to 1."""


@dataclass(frozen=True)
class Answer:
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
    model: Answering, sources: Sequence[Source], top: int = 3, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Answer]:
    """One answer for each source, in order: a path, or the bytes of a file."""
    found: list[Answer] = []
    for some in answers(model, sources, top):
        found += some
        progress(len(found), len(sources))
    return found


def answers(model: Answering, sources: Sequence[Source], top: int = 3, batch_size: int = 32) -> Iterator[list[Answer]]:
    """The answers as they are made, some at a time, in the order of the sources."""
    for batch in decoded_batches(sources, model.meta.image_size, batch_size=batch_size):
        found = {index: Answer(index, error=reason) for index, reason in batch.failures.items()}
        if len(batch.indices):
            said = _said(model, batch.images)
            for index, square, row, vector, energy in zip(batch.indices.tolist(), batch.images, *said, strict=True):
                found[index] = Answer(index, _best(row, model.meta.classes, top), square, "", row, vector, float(energy))
        yield [found[index] for index in sorted(found)]


def _said(model: Answering, squares: np.ndarray) -> tuple[Sequence, Sequence, Sequence]:
    """Probabilities, features and energies of n squares; a handed-over file gives the probabilities alone."""
    if not hasattr(model, "features"):
        return model.probabilities(squares), [None] * len(squares), [float("nan")] * len(squares)
    features = model.features(squares)
    return model.probabilities_of(features), features, model.energy_of(features)


def expand(paths: Sequence[str]) -> list[Path]:
    """The files named, and the image files of the folders named. Raises UserError for what is not there."""
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise UserError(f"There is no file {str(path)!r}.")
        files += sorted(p for p in path.rglob("*") if p.is_file() and looks_like_image(p)) if path.is_dir() else [path]
    if not files:
        raise UserError("There are no images in the folders named.", "Name image files, or folders that hold some.")
    return files


def _best(row: np.ndarray, classes: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-row, kind="stable")[:top]
    return tuple((classes[i], float(row[i])) for i in order)
