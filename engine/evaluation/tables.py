"""Prediction tables for evaluation: checked to be complete and to fit the run's classes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.data.predictions import EPSILON
from engine.runs.run import Run


def load_predictions(run: Run, split: str) -> pd.DataFrame:
    """The run's prediction table of a split, checked. Raises UserError where it is missing, damaged or cut short."""
    hint = f"Write it again: python -m engine evaluate {run.id} --split {split}"
    return check_predictions(run.predictions(split), run.classes, f"{run.id} on {split}", hint)


def check_predictions(predictions: pd.DataFrame, classes: Sequence[str], name: str, hint: str = "") -> pd.DataFrame:
    """The table itself where every row fits the classes. Raises UserError with the `hint`; its message calls the table `name`."""
    if not len(predictions):
        raise UserError(f"The predictions of {name} hold no image.", hint)
    lengths = predictions["probabilities"].map(len)
    if (lengths != len(classes)).any():
        raise UserError(
            f"The predictions of {name} are cut short: a row has {lengths.min()} probabilities for {len(classes)} classes.",
            hint,
        )
    indices = predictions[["true", "predicted"]].to_numpy()
    known = (indices >= 0).all() and (indices < len(classes)).all()
    if not known or not np.isfinite(probabilities(predictions)).all():
        raise UserError(f"The predictions of {name} do not fit the run's classes.", hint)
    return predictions


def probabilities(predictions: pd.DataFrame) -> np.ndarray:
    """(n, classes) float64 of a table; rows sum to 1."""
    return np.stack(predictions["probabilities"].to_list()).astype(np.float64)


def right(predictions: pd.DataFrame) -> np.ndarray:
    """(n,) bool: which predictions are the true class."""
    return (predictions["true"] == predictions["predicted"]).to_numpy()


def remove_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(n, classes) probabilities as they were before division of the logits by the temperature (Guo et al. 2017).

    The logarithm of a softmax is the logits less a constant, so the probabilities alone are enough.
    """
    # The floor keeps the logarithm finite where a probability was rounded to 0.
    logits = temperature * np.log(np.maximum(probabilities, EPSILON**2))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
