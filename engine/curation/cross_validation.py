"""Class probabilities of every labelled image by a model that was fitted without it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FOLDS = 5
_SEED = 0
_IMAGES_STRENGTH = 3.0  # C times the images it is fitted on: heavy regularisation, a wrong label is not learnt by heart


def predict_out_of_fold(
    vectors: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Probabilities (n, classes) float32, rows sum to 1, by logistic regression on the other folds.

    `vectors`: (n, features) float32. `labels`: (n,) class numbers. `groups`: (n,) int; images of one group, the copies of a
    picture, are in one fold, or a copy would vouch for the label. Folds are stratified by class and drawn by a fixed seed.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(FOLDS, len(np.unique(groups)), int(np.bincount(labels, minlength=1).max()))
    probabilities = np.zeros((len(labels), classes), np.float32)
    if folds < 2:
        return probabilities + np.float32(1 / max(1, classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer images than folds: those it has are spread all the same
        parts = list(StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED).split(vectors, labels, groups))
    for done, (others, held) in enumerate(parts):
        report(done, folds)
        probabilities[held] = fit_classifier(vectors[others], labels[others], classes).probabilities(vectors[held])
    report(folds, folds)
    return probabilities


@dataclass(frozen=True)
class Classifier:
    """Logistic regression that knows the classes `present` (numbers) of `classes`."""

    probe: "LinearProbe | None"  # noqa: F821 - it loads torch
    present: np.ndarray
    classes: int

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """(n, classes) float32, rows sum to 1; a class that was not there has none."""
        result = np.zeros((len(vectors), self.classes), np.float32)
        result[:, self.present] = self.probe.probabilities(vectors) if self.probe else 1
        return result


def fit_classifier(vectors: np.ndarray, labels: np.ndarray, classes: int) -> Classifier:
    """The model of these images: logistic regression as the preset `fast` fits it, at one strong regularisation."""
    from engine.training.linear_probe import LinearProbe

    present, numbers = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return Classifier(None, present, classes)
    probe = LinearProbe(vectors, numbers, vectors[:1], numbers[:1], len(present), strengths=(_IMAGES_STRENGTH / len(vectors),))
    for _ in probe.fit():
        pass
    return Classifier(probe, present, classes)
