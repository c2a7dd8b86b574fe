"""Evaluation of out-of-distribution detection: on images of other things, and on a class that the head never saw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from scipy.special import logsumexp

from engine.core.errors import UserError
from engine.core.estimate import Estimate, EstimateDocument
from engine.core.progress import Progress, ReportProgress
from engine.evaluation.metrics import proportion
from engine.evaluation.roc import areas
from engine.inference import ood
from engine.inference.ood import NEIGHBOURS, OodDetector, Scale
from engine.inference.predict import predict
from engine.models.model import Model
from engine.runs.run import Run
from engine.training.linear_probe import LinearProbe


@dataclass(frozen=True)
class OodEvaluation:
    """`subject`: what is compared with the test images: `n` images. `auroc`: how well the score ranks them above `test` test images.

    `flagged`: their share above the limit below which 95% of the validation images lie; `test_flagged`: that of the test images.
    """

    subject: str
    n: int
    test: int
    auroc: Estimate
    flagged: Estimate
    test_flagged: Estimate

    def document(self) -> "OodEvaluationDocument":
        """The evaluation as a JSON object."""
        return {
            "of": self.subject, "n": self.n, "test": self.test, "auroc": self.auroc.to_dict(), "flagged": self.flagged.to_dict(),
            "test_flagged": self.test_flagged.to_dict(),
        }  # fmt: skip


class OodEvaluationDocument(TypedDict):
    """An `OodEvaluation` for programs."""

    of: str
    n: int
    test: int
    auroc: EstimateDocument
    flagged: EstimateDocument
    test_flagged: EstimateDocument


def evaluate_other_images(
    run: Run, model: Model, detector: OodDetector, files: Sequence[Path], report: ReportProgress
) -> OodEvaluation:
    """The detector on images of other things, compared with the run's test images. Raises UserError where no file can be read."""
    vectors, _ = ood.split_features(run, model, "test", report)
    predictions = predict(model, files, report)
    read = [prediction for prediction in predictions if not prediction.error]
    if not read:
        raise UserError("None of these images can be read.", f"The first: {predictions[0].error}.")
    other = detector.scores(
        np.stack([prediction.features for prediction in read if prediction.features is not None]),
        np.array([prediction.energy for prediction in read]),
    )
    return _compare("images of other things", other, detector.scores(vectors, model.energy_of(vectors)))


def evaluate_left_out_classes(run: Run, model: Model, report: ReportProgress) -> Iterator[OodEvaluation]:
    """Each class in turn compared with the others, with a linear head and neighbours that know only the others.

    The features are those of the run. A fine-tuned backbone was trained on the class, which makes detection easier or, as images of a
    class lie closer together, harder. Raises UserError for fewer than three classes.
    """
    if len(run.classes) < 3:
        raise UserError(f"{run.id} has {len(run.classes)} classes.", "Leaving one out requires at least three.")
    vectors, names = {}, {}
    for split in ("train", "validation", "test"):
        vectors[split], frame = ood.split_features(run, model, split, report)
        names[split] = frame["class"].to_numpy()
    for place, name in enumerate(run.classes):
        report(Progress("leaving a class out", place, len(run.classes)))
        if (names["test"] == name).any():
            yield _without(name, vectors, names)
    report(Progress("leaving a class out", len(run.classes), len(run.classes)))


def _without(name: str, vectors: dict[str, np.ndarray], names: dict[str, np.ndarray]) -> OodEvaluation:
    from sklearn.neighbors import NearestNeighbors

    others = {split: names[split] != name for split in ("train", "validation")}
    remaining = {split: vectors[split][rows] for split, rows in others.items()}
    classes, labels = np.unique(names["train"][others["train"]], return_inverse=True)
    probe = LinearProbe(
        remaining["train"],
        labels,
        remaining["validation"],
        np.searchsorted(classes, names["validation"][others["validation"]]),
        len(classes),
    )
    for _ in probe.fit():
        pass
    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(labels)), metric="cosine").fit(remaining["train"])

    def measure(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return search.kneighbors(features)[0][:, -1], -logsumexp(probe.logits(features), axis=1)

    scale = Scale.fit(*measure(remaining["validation"]))
    scores, unknown = scale(*measure(vectors["test"])), names["test"] == name
    return _compare(name, scores[unknown], scores[~unknown])


def _compare(name: str, unknown: np.ndarray, known: np.ndarray) -> OodEvaluation:
    auroc, _ = areas(np.concatenate([unknown, known]), np.arange(len(unknown) + len(known)) < len(unknown))
    shares = [proportion(int((scores > 1).sum()), len(scores)) for scores in (unknown, known)]
    return OodEvaluation(name, len(unknown), len(known), auroc, *shares)
