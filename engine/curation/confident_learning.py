"""Confident learning, by cleanlab: finds labels that a model trained without them would not give.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021. Throughout, `labels` are
the given class numbers (n,) int, and `probabilities` (n, classes) float come from models that were fitted without the image.
"""

import numpy as np


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Which labels are probably wrong: (n,) bool.

    "Prune by class": per class, as many images as the joint distribution of given and true labels says are mislabelled, those with the
    lowest probability of their label first; images whose label still is the most probable class are left out.
    """
    if not len(labels) or probabilities.shape[1] < 2:  # cleanlab raises, or warns
        return np.zeros(len(labels), bool)
    from cleanlab import filter as cleanlab_filter  # not at the top: it loads scikit-learn

    # cleanlab's default, by noise rate, lists as many labels and finds 2 to 4 points fewer of those that were flipped at random (3% of
    # 10,000 Intel scenes, `bench audit`). One process, because starting others takes longer than the computation.
    return cleanlab_filter.find_label_issues(labels, probabilities, filter_by="prune_by_class", n_jobs=1)


def label_issue_scores(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """How suspect each label is: (n,) float in 0..1, 1 minus the probability of the label (its "self-confidence")."""
    return 1 - probabilities[np.arange(len(labels)), labels]
