"""Confident learning: which labels a model that never saw them would not give.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021. Throughout, `labels` are
the given class numbers (n,) int, and `probabilities` (n, classes) float come from models that were fitted without the image.
"""

import numpy as np


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Which labels are probably wrong: (n,) bool.

    "Prune by class": of each class as many images as the joint distribution says are mislabelled, those with the lowest
    probability of their label, without those whose label is the most probable class all the same.
    """
    given, classes = _given(labels, probabilities), probabilities.shape[1]
    expected = estimate_joint(labels, probabilities)
    wrong = np.rint((expected.sum(axis=1) - expected.diagonal()) * len(labels)).astype(int)
    result = np.zeros(len(labels), bool)
    for number in range(classes):
        rows = np.flatnonzero(labels == number)
        result[rows[np.argsort(given[rows], kind="stable")][: wrong[number]]] = True
    return result & (probabilities.argmax(axis=1) != labels)


def label_issue_scores(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """How suspect each label is: (n,) float in 0..1, 1 minus the probability of the label ("self-confidence")."""
    return 1 - _given(labels, probabilities)


def estimate_joint(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The estimated joint distribution of given and true labels: (classes, classes), rows given, the sum 1.

    An image counts as truly of a class where its probability reaches the mean probability of that class over the images
    labelled so; of several classes as of the most probable one (the confident joint). Rows are then brought to the number of
    images with that label.
    """
    classes = probabilities.shape[1]
    given = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, _given(labels, probabilities), classes)
    reached = probabilities >= np.where(given > 0, sums / np.maximum(given, 1), np.inf) - 1e-6
    sure = reached.any(axis=1)
    true = np.where(reached, probabilities, -1).argmax(axis=1)
    counted = np.zeros((classes, classes))
    np.add.at(counted, (labels[sure], true[sure]), 1)
    # A label of which nothing is sure counts as right.
    counted[counted.sum(axis=1) == 0] += np.eye(classes)[counted.sum(axis=1) == 0]
    return counted / counted.sum(axis=1, keepdims=True) * given[:, None] / max(1, len(labels))


def _given(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(labels)), labels]
