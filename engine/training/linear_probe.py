"""The method of the preset `fast`: a linear head on frozen features, its regularisation chosen on validation."""

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from engine.data.predictions import outcomes
from engine.evaluation.metrics import accuracy, confusion, macro_f1
from engine.models.network import Classifier
from engine.runs.events import Candidate

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

STRENGTHS = (3e-4, 1e-3, 2e-3, 4e-3, 1e-2, 3e-2, 1e-1, 1.0)
_PATIENCE = 2  # candidates in a row with a higher validation loss


class LinearProbe:
    """Multinomial logistic regression on standardised features (scikit-learn), for a rising C until validation gets worse.

    `features`: (n, d) float32, `labels`: (n,) class indices; the same for validation. The C with the lowest validation
    cross-entropy wins: it varies less between samples of validation images than any count of correct predictions. `balanced`:
    the errors of a class weigh in inverse proportion to its count. `strengths`: the values of C to try, rising.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        validation: np.ndarray,
        validation_labels: np.ndarray,
        classes: int,
        balanced: bool = False,
        strengths: Sequence[float] = STRENGTHS,
    ) -> None:
        self.mean = features.mean(axis=0)
        self.scale = features.std(axis=0) + 1e-6  # a feature that is the same for all images has no deviation
        self.train = (self._standardised(features), labels)
        self.validation = (self._standardised(validation), validation_labels)
        self.classes, self.class_weight, self.strengths = classes, "balanced" if balanced else None, strengths
        self.best: tuple[float, np.ndarray, np.ndarray] = (np.inf, np.zeros((classes, features.shape[1])), np.zeros(classes))

    def fit(self) -> Iterator[Candidate]:
        """Try the strengths, the strongest regularisation first; afterwards `best` holds the winner's loss, weights and biases."""
        from sklearn.linear_model import LogisticRegression

        # warm_start: each fit begins at the weights of the one before, which a slightly larger C changes little.
        model = LogisticRegression(warm_start=True, max_iter=300, tol=1e-3, class_weight=self.class_weight)
        worse = 0
        for strength in self.strengths:
            model.set_params(C=strength)
            with warnings.catch_warnings():
                # A fit at a large C that has not quite converged is a candidate like any other: validation judges.
                warnings.simplefilter("ignore")
                model.fit(*self.train)
            weight, bias = self._all_classes(model)
            candidate = self._score(strength, weight, bias)
            worse = 0 if candidate.best else worse + 1
            yield candidate
            if worse == _PATIENCE:
                return

    def write_head(self, classifier: Classifier) -> None:
        """Write the winner into the classifier's head, with the standardisation folded into its weights."""
        _, weight, bias = self.best
        folded = weight / self.scale
        with torch.no_grad():
            classifier.head.weight.copy_(torch.from_numpy(folded.astype(np.float32)))
            classifier.head.bias.copy_(torch.from_numpy((bias - folded @ self.mean).astype(np.float32)))

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """The winner's class probabilities of other features: (n, classes), rows sum to 1."""
        return softmax(self.logits(features), axis=1)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """The winner's logits of other features: (n, classes)."""
        _, weight, bias = self.best
        return self._standardised(features) @ weight.T + bias

    def _standardised(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) / self.scale

    def _all_classes(self, model: "LogisticRegression") -> tuple[np.ndarray, np.ndarray]:
        """Weights (classes, d) and biases (classes,) for logits of every class, two-class models included."""
        weight, bias = model.coef_, model.intercept_
        # For two classes scikit-learn fits one logit, that of the second class against the first.
        if len(weight) == 1:
            weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
        return weight, bias

    def _score(self, strength: float, weight: np.ndarray, bias: np.ndarray) -> Candidate:
        train_loss = _predictions(*self.train, weight, bias)["loss"].mean()
        predictions = _predictions(*self.validation, weight, bias)
        loss, matrix = float(predictions["loss"].mean()), confusion(predictions, self.classes)
        best = loss < self.best[0]
        if best:
            # Copies: with warm_start the next fit may go on in the same arrays.
            self.best = (loss, weight.copy(), bias.copy())
        return Candidate(
            C=strength,
            train_loss=float(train_loss),
            validation_loss=loss,
            validation_accuracy=accuracy(matrix).value,
            validation_macro_f1=macro_f1(matrix).value,
            best=best,
        )


def _predictions(features: np.ndarray, labels: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> pd.DataFrame:
    return outcomes(labels, softmax(features @ weight.T + bias, axis=1))
