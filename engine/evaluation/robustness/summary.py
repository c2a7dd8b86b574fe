"""What the answers to damaged pictures say: pure functions, no torch."""

import numpy as np
import pandas as pd

from engine.evaluation.metrics import Estimate, accuracy, bootstrap_mean
from engine.evaluation.robustness.corruptions import CORRUPTIONS, SEVERITIES
from engine.evaluation.robustness.store import CONDITIONS, CorruptionPredictions

_PLACES = {condition: place for place, condition in enumerate(CONDITIONS)}


def by_severity(answers: CorruptionPredictions) -> pd.DataFrame:
    """Columns corruption, severity (0 is the picture as it is), n, accuracy with low and high (Wilson's 95% interval), confidence
    (mean probability of the true class)."""
    rows = []
    for name in CORRUPTIONS:
        for severity in (0, *SEVERITIES):
            at = _PLACES[name, severity] if severity else 0
            result = _accuracy(answers.right[:, at])
            rows.append(
                {"corruption": name, "severity": severity, "n": len(answers.true), "accuracy": result.value, "low": result.low,
                 "high": result.high, "confidence": float(answers.probability[:, at].mean())}
            )  # fmt: skip
    return pd.DataFrame(rows)


def losses(answers: CorruptionPredictions) -> pd.DataFrame:
    """A row a corruption, the worst first: columns corruption, loss with low and high, worst_accuracy (at severity 5).

    `loss`: the accuracy that it costs, averaged over the severities, with a 95% bootstrap interval over the images, each compared
    with itself.
    """
    rows = []
    for name in CORRUPTIONS:
        result = bootstrap_mean(_fall(answers, [_PLACES[name, severity] for severity in SEVERITIES]))
        last = float(answers.right[:, _PLACES[name, SEVERITIES[-1]]].mean())
        rows.append({"corruption": name, "loss": result.value, "low": result.low, "high": result.high, "worst_accuracy": last})
    return pd.DataFrame(rows).sort_values("loss", ascending=False, kind="stable", ignore_index=True)


def mean_corruption_error(answers: CorruptionPredictions) -> Estimate:
    """The error over all corruptions and severities, with its 95% bootstrap interval over the images.

    Plain, without the division by another network's errors that Hendrycks and Dietterich (2019) have.
    """
    return bootstrap_mean(1.0 - answers.right[:, 1:].mean(axis=1))


def relative_error(answers: CorruptionPredictions) -> Estimate:
    """How much more often it errs on damaged pictures than on the same as they are: a share of the images, with its interval."""
    return bootstrap_mean(_fall(answers, list(range(1, len(CONDITIONS)))))


def first_broken(answers: CorruptionPredictions, corruption: str) -> pd.DataFrame:
    """The images that are recognised as they are and not under the corruption, those that break first on top.

    Columns row (of the answers), image_id, content, true, severity (the first that breaks it), predicted (what it is taken for
    then), clean and broken (the probability of the true class before and then).
    """
    places = [_PLACES[corruption, severity] for severity in SEVERITIES]
    wrong = ~answers.right[:, places]
    rows = np.flatnonzero(answers.right[:, 0] & wrong.any(axis=1))
    first = wrong[rows].argmax(axis=1)
    at = np.array(places)[first] if len(rows) else np.empty(0, int)
    frame = pd.DataFrame(
        {
            "row": rows,
            "image_id": answers.image_ids[rows],
            "content": [answers.contents[row] for row in rows],
            "true": answers.true[rows],
            "severity": first + 1,
            "predicted": answers.predicted[rows, at],
            "clean": answers.probability[rows, 0],
            "broken": answers.probability[rows, at],
        }
    )
    return frame.sort_values(["severity", "broken"], kind="stable", ignore_index=True)


def document(answers: CorruptionPredictions) -> dict:
    """All of it as one JSON document."""
    return {
        "split": answers.split, "n": len(answers.true), "images": answers.images, "unread": answers.unread, "size": answers.size,
        "clean_accuracy": _accuracy(answers.right[:, 0]).to_dict(),
        "mean_corruption_error": mean_corruption_error(answers).to_dict(),
        "relative_error": relative_error(answers).to_dict(),
        "losses": losses(answers).to_dict("records"), "by_severity": by_severity(answers).to_dict("records"),
    }  # fmt: skip


def sentence(answers: CorruptionPredictions) -> str:
    """The worst corruption, with its figures."""
    worst = losses(answers).iloc[0]
    label, clean = CORRUPTIONS[worst["corruption"]].label, float(answers.right[:, 0].mean())
    if worst["low"] <= 0:
        return "Nothing that was tried costs accuracy beyond chance."
    return (
        f"{label} breaks it most: accuracy falls from {clean:.1%} to {worst['worst_accuracy']:.1%} at severity 5, by "
        f"{100 * worst['loss']:.1f} points on average over the severities (95% interval {100 * worst['low']:.1f} to "
        f"{100 * worst['high']:.1f})."
    )


def _fall(answers: CorruptionPredictions, places: list[int]) -> np.ndarray:
    """Of each image: 1 where it is recognised as it is, less the share of these conditions that it is recognised under: (n,)."""
    return answers.right[:, 0] - answers.right[:, places].mean(axis=1)


def _accuracy(right: np.ndarray) -> Estimate:
    return accuracy(np.diag([int(right.sum()), 0]) + np.array([[0, int((~right).sum())], [0, 0]]))
