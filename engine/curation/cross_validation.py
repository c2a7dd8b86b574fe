"""Class probabilities of every labelled image by a model that was fitted without it (cross-validation)."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.core.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from engine.training.linear_probe import LinearProbe  # it loads torch

FOLDS = 5
_SEED = 0
_C_TIMES_IMAGES = 3.0  # C times the number of images: strong regularisation, so that a wrong label is not memorised


def predict_out_of_fold(
    vectors: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: int,
    report: ReportProgress = ignore_progress,
) -> np.ndarray:
    """Probabilities (n, classes) float32 by logistic regression on the other folds; rows sum to 1.

    `vectors`: (n, features) float32. `labels`: (n,) class numbers. `groups`: (n,) int; copies of one
    image form a group and stay in one fold, or a copy would vouch for the label. Folds are stratified by class; the seed is fixed.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(FOLDS, len(np.unique(groups)), int(np.bincount(labels, minlength=1).max()))
    probabilities = np.zeros((len(labels), classes), np.float32)
    if folds < 2:
        return probabilities + np.float32(1 / max(1, classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes with fewer images than folds, which are spread all the same
        parts = list(StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED).split(vectors, labels, groups))
    for done, (others, held_out) in enumerate(parts):
        report(Progress("judging the labels", done, folds))
        probabilities[held_out] = fit_classifier(vectors[others], labels[others], classes).probabilities(vectors[held_out])
    report(Progress("judging the labels", folds, folds))
    return probabilities


@dataclass(frozen=True)
class Classifier:
    """Logistic regression over `classes` classes, fitted on the class numbers `present`. `probe`: None if that is only one class."""

    probe: "LinearProbe | None"
    present: np.ndarray
    classes: int

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """(n, classes) float32, rows sum to 1; 0 for a class that is not `present`."""
        result = np.zeros((len(vectors), self.classes), np.float32)
        result[:, self.present] = self.probe.probabilities(vectors) if self.probe else 1
        return result


def fit_classifier(vectors: np.ndarray, labels: np.ndarray, classes: int) -> Classifier:
    """Logistic regression as the preset `fast` fits it, but with one strong regularisation instead of a search for it."""
    from engine.training.linear_probe import LinearProbe

    present, numbers = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return Classifier(probe=None, present=present, classes=classes)
    probe = LinearProbe(vectors, numbers, vectors[:1], numbers[:1], len(present), strengths=(_C_TIMES_IMAGES / len(vectors),))
    for _ in probe.fit():
        pass
    return Classifier(probe=probe, present=present, classes=classes)
