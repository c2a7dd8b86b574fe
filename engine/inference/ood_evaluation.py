"""How well a run tells what lies outside of its scenes: pictures of other things, and a class that it never saw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from engine.core.errors import UserError
from engine.core.jobs import ReportProgress
from engine.evaluation.metrics import Estimate, proportion
from engine.evaluation.roc import areas
from engine.inference import ood
from engine.inference.ood import NEIGHBOURS, OodDetector, Scale
from engine.inference.predict import predict
from engine.models.model import Model
from engine.runs.run import Run
from engine.training.linear_probe import LinearProbe


@dataclass(frozen=True)
class OodEvaluation:
    """`of`: what is to be told from the test images: `n` pictures. `auroc`: how well the novelty ranks them above `test` test images.

    `flagged`: the share of them above the limit that 95% of the validation images keep; `test_flagged`: that of the test images.
    """

    of: str
    n: int
    test: int
    auroc: Estimate
    flagged: Estimate
    test_flagged: Estimate


def evaluate_other_images(
    of: Run, model: Model, known: OodDetector, files: Sequence[Path], report: ReportProgress
) -> OodEvaluation:
    """Pictures of other things against the run's test images. Raises UserError where none of the files can be read."""
    vectors, _ = ood.split_features(of, model, "test", report)
    answers = predict(model, files, 1, lambda done, total: report("looking at the other pictures", done, total))
    read = [answer for answer in answers if not answer.error]
    if not read:
        raise UserError("None of these pictures can be read.", f"The first: {answers[0].error}.")
    other = known.scores(
        np.stack([answer.features for answer in read if answer.features is not None]),
        np.array([answer.energy for answer in read]),
    )
    return _told("pictures of other things", other, known.scores(vectors, model.energy_of(vectors)))


def evaluate_left_out_classes(of: Run, model: Model, report: ReportProgress) -> Iterator[OodEvaluation]:
    """Each class in turn against the others, with a linear head and neighbours that know the others alone.

    The features are the run's: of a fine-tuned run they have seen the class, which makes it easier or, as images of a class lie closer
    together, harder. Raises UserError for fewer than three classes.
    """
    if len(of.classes) < 3:
        raise UserError(f"{of.id} has {len(of.classes)} classes.", "Leaving one out requires at least three.")
    vectors, names = {}, {}
    for split in ("train", "validation", "test"):
        vectors[split], frame = ood.split_features(of, model, split, report)
        names[split] = frame["class"].to_numpy()
    for place, name in enumerate(of.classes):
        report("leaving a class out", place, len(of.classes))
        if (names["test"] == name).any():
            yield _without(name, vectors, names)
    report("leaving a class out", len(of.classes), len(of.classes))


def _without(name: str, vectors: dict[str, np.ndarray], names: dict[str, np.ndarray]) -> OodEvaluation:
    from sklearn.neighbors import NearestNeighbors

    others = {split: names[split] != name for split in ("train", "validation")}
    kept = {split: vectors[split][rows] for split, rows in others.items()}
    classes, labels = np.unique(names["train"][others["train"]], return_inverse=True)
    probe = LinearProbe(
        kept["train"],
        labels,
        kept["validation"],
        np.searchsorted(classes, names["validation"][others["validation"]]),
        len(classes),
    )
    for _ in probe.fit():
        pass
    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(labels)), metric="cosine").fit(kept["train"])

    def measured(some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return search.kneighbors(some)[0][:, -1], -logsumexp(probe.logits(some), axis=1)

    scale = Scale.of(*measured(kept["validation"]))
    scores, strange = scale(*measured(vectors["test"])), names["test"] == name
    return _told(name, scores[strange], scores[~strange])


def _told(of: str, strange: np.ndarray, usual: np.ndarray) -> OodEvaluation:
    auroc, _ = areas(np.concatenate([strange, usual]), np.arange(len(strange) + len(usual)) < len(strange))
    shares = [proportion(int((scores > 1).sum()), len(scores)) for scores in (strange, usual)]
    return OodEvaluation(of, len(strange), len(usual), auroc, *shares)
