"""Confident learning: finds labels that a model trained without them would not give.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021. Throughout, `labels` are
the given class numbers (n,) int, and `probabilities` (n, classes) float come from models that were fitted without the image.
"""

import numpy as np


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Which labels are probably wrong: (n,) bool.

    "Prune by class": per class, as many images as the joint distribution says are mislabelled, those with the lowest probability of
    their label first; images whose label still is the most probable class are left out.
    """
    confidence = _self_confidence(labels, probabilities)
    joint = estimate_joint(labels, probabilities)
    mislabelled = np.rint((joint.sum(axis=1) - joint.diagonal()) * len(labels)).astype(int)
    pruned = np.zeros(len(labels), bool)
    for label, count in enumerate(mislabelled):
        rows = np.flatnonzero(labels == label)
        pruned[rows[np.argsort(confidence[rows], kind="stable")][:count]] = True
    return pruned & (probabilities.argmax(axis=1) != labels)


def label_issue_scores(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """How suspect each label is: (n,) float in 0..1, 1 minus the probability of the label (its "self-confidence")."""
    return 1 - _self_confidence(labels, probabilities)


def estimate_joint(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The estimated joint distribution of given (rows) and true labels (columns): (classes, classes), sums to 1.

    An image counts as truly of a class if its probability reaches the mean probability of that class over the images labelled so; if
    it reaches several, as of the most probable one (the "confident joint"). Rows are then scaled to the number of images with that
    label.
    """
    classes = probabilities.shape[1]
    given = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, _self_confidence(labels, probabilities), classes)
    thresholds = np.where(given > 0, sums / np.maximum(given, 1), np.inf)
    reached = probabilities >= thresholds - 1e-6  # equal probabilities must not fall below their own mean by rounding
    confident = reached.any(axis=1)
    true = np.where(reached, probabilities, -1).argmax(axis=1)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels[confident], true[confident]), 1)
    # A class without a confident image counts as labelled correctly.
    empty = counts.sum(axis=1) == 0
    counts[empty] += np.eye(classes)[empty]
    return counts / counts.sum(axis=1, keepdims=True) * given[:, None] / max(1, len(labels))


def _self_confidence(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(labels)), labels]
