"""Scores in sentences. A macro F1 is a mean over classes: where some have no image, the text says over how many."""

from collections.abc import Mapping
from typing import Any

from engine.core.estimate import Estimate

_MOST_NAMES = 4  # of classes; the others are counted


def scored_classes(scores: Mapping[str, Any]) -> str:
    """` over 3 of 6 classes` where some classes had no image to be scored on; else empty.

    scores: `engine.evaluation.metrics.score_predictions`, or a split of a run's results; older runs do not have the numbers.
    """
    counts = scores.get("macro_f1_classes")
    if not isinstance(counts, Mapping) or counts["scored"] == counts["all"]:
        return ""
    return f" over {counts['scored']:,} of {counts['all']:,} classes"


def macro_f1(scores: Mapping[str, Any]) -> str:
    """`0.925 (0.910 to 0.937)`, and over how many classes where those are not all."""
    return f"{Estimate(**scores['macro_f1'])}{scored_classes(scores)}"


def duplicates(copies: int) -> str:
    """A sentence that says that images count more than once; empty where none does. `copies`: images whose content came before."""
    if not copies:
        return ""
    subject = "1 image is a copy of another" if copies == 1 else f"{copies:,} images are copies of others"
    return f"{subject} here: each copy counts in the scores, and makes the intervals a little too narrow."


def unscored_classes(scores: Mapping[str, Any]) -> str:
    """A sentence that names the classes of an evaluation without an image; empty where each had one. Class names are untrusted text."""
    missing = [row["class"] for row in scores["per_class"] if not row["support"]]
    if not missing:
        return ""
    more = f" and {len(missing) - _MOST_NAMES:,} more" if len(missing) > _MOST_NAMES else ""
    return f"There are no images of {', '.join(missing[:_MOST_NAMES])}{more}: the macro F1 is the mean over the other classes."
