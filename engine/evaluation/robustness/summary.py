"""Robustness figures from the predictions on corrupted images: pure functions, no torch."""

from typing import Any

import numpy as np
import pandas as pd

from engine.core.estimate import Estimate
from engine.evaluation.metrics import bootstrap_mean, proportion
from engine.evaluation.robustness.corruptions import CORRUPTIONS, SEVERITIES
from engine.evaluation.robustness.store import CONDITIONS, CorruptionPredictions

_COLUMNS = {condition: column for column, condition in enumerate(CONDITIONS)}


def by_severity(predictions: CorruptionPredictions) -> pd.DataFrame:
    """One row per corruption and severity (0: uncorrupted): corruption, severity, n, accuracy with low and high (Wilson's 95% interval),
    confidence (mean probability of the true class)."""
    rows = []
    for name in CORRUPTIONS:
        for severity in (0, *SEVERITIES):
            column = _COLUMNS[name, severity] if severity else 0
            score = _accuracy(predictions.right[:, column])
            rows.append(
                {"corruption": name, "severity": severity, "n": len(predictions.true), "accuracy": score.value, "low": score.low,
                 "high": score.high, "confidence": float(predictions.probability[:, column].mean())}
            )  # fmt: skip
    return pd.DataFrame(rows)


def losses(predictions: CorruptionPredictions) -> pd.DataFrame:
    """One row per corruption, the worst first: corruption, loss with low and high, worst_accuracy (at severity 5).

    `loss`: the accuracy lost, averaged over the severities, with a 95% bootstrap interval over the images, each paired with itself.
    """
    rows = []
    for name in CORRUPTIONS:
        loss = bootstrap_mean(_losses_by_image(predictions, [_COLUMNS[name, severity] for severity in SEVERITIES]))
        last = float(predictions.right[:, _COLUMNS[name, SEVERITIES[-1]]].mean())
        rows.append({"corruption": name, "loss": loss.value, "low": loss.low, "high": loss.high, "worst_accuracy": last})
    return pd.DataFrame(rows).sort_values("loss", ascending=False, kind="stable", ignore_index=True)


def mean_corruption_error(predictions: CorruptionPredictions) -> Estimate:
    """The error rate over all corruptions and severities, with a 95% bootstrap interval over the images.

    Not divided by the errors of a reference network, as it is in Hendrycks and Dietterich (2019).
    """
    return bootstrap_mean(1.0 - predictions.right[:, 1:].mean(axis=1))


def relative_error(predictions: CorruptionPredictions) -> Estimate:
    """The error rate on corrupted images less the one on the same images uncorrupted, with its 95% interval."""
    return bootstrap_mean(_losses_by_image(predictions, list(range(1, len(CONDITIONS)))))


def first_broken(predictions: CorruptionPredictions, corruption: str) -> pd.DataFrame:
    """The images that are recognised uncorrupted and not under some severity of the corruption, those that break first on top.

    Columns row (of the predictions), image_id, content, true, severity (the lowest that breaks it), predicted (the class at that
    severity), clean and broken (the probability of the true class uncorrupted and at that severity).
    """
    columns = [_COLUMNS[corruption, severity] for severity in SEVERITIES]
    wrong = ~predictions.right[:, columns]
    rows = np.flatnonzero(predictions.right[:, 0] & wrong.any(axis=1))
    first = wrong[rows].argmax(axis=1)
    column = np.array(columns)[first] if len(rows) else np.empty(0, int)
    frame = pd.DataFrame(
        {
            "row": rows,
            "image_id": predictions.image_ids[rows],
            "content": [predictions.contents[row] for row in rows],
            "true": predictions.true[rows],
            "severity": first + 1,
            "predicted": predictions.predicted[rows, column],
            "clean": predictions.probability[rows, 0],
            "broken": predictions.probability[rows, column],
        }
    )
    return frame.sort_values(["severity", "broken"], kind="stable", ignore_index=True)


def document(predictions: CorruptionPredictions) -> dict[str, Any]:
    """All figures as one JSON document."""
    return {
        "split": predictions.split, "n": len(predictions.true), "images": predictions.images, "unread": predictions.unread, "size": predictions.size,
        "clean_accuracy": _accuracy(predictions.right[:, 0]).to_dict(),
        "mean_corruption_error": mean_corruption_error(predictions).to_dict(),
        "relative_error": relative_error(predictions).to_dict(),
        "losses": losses(predictions).to_dict("records"), "by_severity": by_severity(predictions).to_dict("records"),
    }  # fmt: skip


def sentence(predictions: CorruptionPredictions) -> str:
    """The corruption that lowers the accuracy most, with its figures."""
    worst = losses(predictions).iloc[0].to_dict()
    label, clean = CORRUPTIONS[worst["corruption"]].label, float(predictions.right[:, 0].mean())
    loss = Estimate(worst["loss"], worst["low"], worst["high"])
    if loss.low <= 0:
        return "No corruption lowers the accuracy beyond chance."
    return (
        f"{label} hurts most: accuracy falls from {clean:.1%} to {worst['worst_accuracy']:.1%} at severity 5, by "
        f"{loss.text('points', named=True)} on average over the severities."
    )


def _losses_by_image(predictions: CorruptionPredictions, columns: list[int]) -> np.ndarray:
    """(n,): 1 for an image that is recognised uncorrupted, else 0, less the share of these conditions under which it is recognised."""
    return predictions.right[:, 0] - predictions.right[:, columns].mean(axis=1)


def _accuracy(right: np.ndarray) -> Estimate:
    return proportion(int(right.sum()), len(right))
