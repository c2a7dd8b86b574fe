"""Class probabilities of every labelled image by a model that was fitted without it."""

from collections.abc import Callable

import numpy as np

FOLDS = 5
_SEED = 0
_IMAGES_STRENGTH = 3.0  # C times the images it is fitted on: heavy regularisation, a wrong label is not learnt by heart


def out_of_fold(
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

    from engine.training.linear import LinearProbe

    folds = min(FOLDS, len(np.unique(groups)))
    probabilities = np.zeros((len(labels), classes), np.float32)
    if folds < 2:
        return probabilities + np.float32(1 / max(1, classes))
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED).split(vectors, labels, groups)
    for done, (fitted, held) in enumerate(parts):
        report(done, folds)
        present, numbers = np.unique(labels[fitted], return_inverse=True)
        if len(present) == 1:
            probabilities[held, present[0]] = 1
            continue
        strength = _IMAGES_STRENGTH / len(fitted)
        probe = LinearProbe(
            vectors[fitted], numbers, vectors[held], np.zeros(len(held), int), len(present), strengths=(strength,)
        )
        for _ in probe.fit():
            pass
        probabilities[np.ix_(held, present)] = probe.probabilities(vectors[held])
    report(folds, folds)
    return probabilities
