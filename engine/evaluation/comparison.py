"""Two runs on the same images: whether they differ, in which classes, and which images the second one fixes and breaks.

A is the baseline, B the run that is compared with it: a difference is B's score less A's.
"""

import collections
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from engine.core.estimate import Estimate, EstimateDocument
from engine.core.number_text import count_text
from engine.data.drift import ALPHA, holm
from engine.data.predictions import Predictions
from engine.evaluation.metrics import BOOTSTRAPS
from engine.evaluation.paired_scores import PairedScores, percentile_limits

BOTH_RIGHT, FIXED, BROKEN, SAME, DIFFERENT = "both right", "fixed", "broken", "both wrong, alike", "both wrong, differently"
FATES = (FIXED, BROKEN, DIFFERENT, SAME, BOTH_RIGHT)
_BUDGET = 20_000_000  # resampled cells in memory at a time


@dataclass(frozen=True)
class Comparison:
    """The images that both runs have scored, and what could not be compared.

    `images`: one row per image, columns content, image_id_a, image_id_b, path (in B), true, answer_a, answer_b (class names),
    confidence_a, confidence_b, fate (one of FATES), row_a and row_b (row numbers in the two tables). `classes`: those of either run.
    `only_a`, `only_b`: number of images that the other run has not scored. `relabelled`: number of images that were left out, because
    their true classes differ. `notes`: sentences on what limits the comparison.
    """

    images: pd.DataFrame
    classes: tuple[str, ...]
    only_a: int
    only_b: int
    relabelled: int
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of images per fate."""
        counts = collections.Counter(self.images["fate"].tolist())
        return {fate: counts[fate] for fate in FATES}

    @property
    def mcnemar(self) -> float:
        """McNemar's exact p-value: how probable such unequal numbers of fixed and broken images are if neither run is better."""
        return mcnemar(self.counts[FIXED], self.counts[BROKEN])

    def with_fate(self, fate: str) -> pd.DataFrame:
        """The rows of `images` with this fate."""
        return self.images[self.images["fate"] == fate]


def compare(a: Predictions, b: Predictions) -> Comparison:
    """The predictions of two runs, matched by the images' contents; copies of a file are matched one to one.

    Classes are compared by name, since the runs may have different ones: a prediction is right where its name is the true one.
    """
    first, second = _with_names(a, "_a"), _with_names(b, "_b")
    merged = first.merge(second, on=["content", "copy"], how="inner", suffixes=("", "_second"), sort=False)
    same_label = (merged["true_a"] == merged["true_b"]).to_numpy()
    images = (
        merged.take(np.flatnonzero(same_label))
        .rename(columns={"true_a": "true", "path_b": "path"})
        .drop(columns=["true_b", "path_a", "copy"])
    )
    images = images.assign(fate=_fates(images)).reset_index(drop=True)
    only_a, only_b, relabelled = len(a) - len(merged), len(b) - len(merged), len(merged) - len(images)
    notes = _notes(a, b, (only_a, only_b), relabelled, len(images))
    return Comparison(
        images=images,
        classes=tuple(dict.fromkeys([*a.classes, *b.classes])),
        only_a=only_a,
        only_b=only_b,
        relabelled=relabelled,
        notes=tuple(notes),
    )


def mcnemar(fixed: int, broken: int) -> float:
    """The two-sided exact p-value: a binomial test on the images that just one run gets right (McNemar 1947)."""
    from scipy import stats

    return float(stats.binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0


@dataclass(frozen=True)
class Difference:
    """The scores of A and of B, and B less A with a paired 95% interval: both are measured on the same images.

    `by_class`: columns as `measure_difference` has them.
    """

    accuracy: Estimate
    macro_f1: Estimate
    a: dict[str, float]
    b: dict[str, float]
    by_class: pd.DataFrame

    @property
    def macro_f1_classes(self) -> dict[str, int]:
        """As `engine.evaluation.metrics.macro_f1_classes`."""
        return {"scored": len(self.by_class[self.by_class["n"] > 0]), "all": len(self.by_class)}

    def to_dict(self) -> "DifferenceDocument":
        return {
            "accuracy": self.accuracy.to_dict(),
            "macro_f1": self.macro_f1.to_dict(),
            "a": self.a,
            "b": self.b,
            "macro_f1_classes": self.macro_f1_classes,
            "by_class": self.by_class.to_dict("records"),
        }


class DifferenceDocument(TypedDict):
    """A `Difference` for programs; `by_class` as rows."""

    accuracy: EstimateDocument
    macro_f1: EstimateDocument
    a: dict[str, float]
    b: dict[str, float]
    macro_f1_classes: dict[str, int]
    by_class: list[dict[Hashable, Any]]


def measure_difference(comparison: Comparison, seed: int = 0) -> Difference:
    """How the scores differ, with percentile bootstrap intervals over images; each resample is scored by both runs.

    by_class: one row per class, columns class, n, recall_a, recall_b, recall (the difference) with recall_low and recall_high, f1_a, f1_b,
    f1, f1_low, f1_high, fixed, broken, p (McNemar's exact test within the class) and p_holm (Holm's correction over the classes).
    """
    cells, counts = _cells(comparison)
    scores = PairedScores(cells, len(comparison.classes))
    observed = scores.compute(counts[None].astype(float))
    resampled: dict[str, list[np.ndarray]] = {name: [] for name in observed}
    # Resampling images is a multinomial draw over the distinct cells, which stay few however many images there are.
    rng, chunk = np.random.default_rng(seed), max(1, _BUDGET // max(len(counts), 1))
    draws = max(200, min(BOOTSTRAPS, 50 * chunk))  # fewer where there are very many cells
    for start in range(0, draws, chunk):
        drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=min(chunk, draws - start))
        for name, values in scores.compute(drawn.astype(float)).items():
            resampled[name].append(values)
    limits = {name: percentile_limits(np.concatenate(values)) for name, values in resampled.items()}

    def estimate(name: str) -> Estimate:
        low, high = limits[name]
        return Estimate(value=float(observed[name][0]), low=float(low), high=float(high))

    a, b = ({name: float(observed[f"{name}_{run}"][0]) for name in ("accuracy", "macro_f1")} for run in "ab")
    by_class = _by_class(comparison, observed, limits)
    return Difference(accuracy=estimate("accuracy"), macro_f1=estimate("macro_f1"), a=a, b=b, by_class=by_class)


def verdict(comparison: Comparison, difference: Difference | None, run_names: tuple[str, str] = ("A", "B")) -> str:
    """The result of the comparison in a sentence or two. `difference`: None where no image is shared. The names stand as they are."""
    a, b = run_names
    if difference is None or not len(comparison):
        return f"{a} and {b} share no scored images: there is nothing to compare image by image."
    fixed, broken = comparison.counts[FIXED], comparison.counts[BROKEN]
    if fixed + broken == 0:
        return f"{b} is right and wrong on the same images as {a}: no difference on {len(comparison):,} images."
    gain = difference.accuracy.text("points", signed=True)
    text = f"{b} fixes {fixed:,} of {a}'s errors and breaks {broken:,}: {gain} of accuracy"
    p = comparison.mcnemar
    if p < ALPHA:
        return f"{text}. {b if fixed > broken else a} is better on these images, and chance does not explain it (p = {_p(p)})."
    return f"{text}, which may be chance (p = {_p(p)})."


def _p(p: float) -> str:
    return f"{p:.2f}" if p >= 0.01 else f"{p:.4f}" if p >= 0.0001 else "below 0.0001"


def _with_names(predictions: Predictions, suffix: str) -> pd.DataFrame:
    names = np.array(predictions.classes, object)
    frame = pd.DataFrame(
        {
            "image_id": predictions.ids,
            "path": predictions.table["path"].to_numpy(),
            "true": names[predictions.true],
            "answer": names[predictions.predicted],
            "confidence": predictions.confidence,
            "row": np.arange(len(predictions)),
        }
    ).add_suffix(suffix)
    frame["content"] = predictions.contents.to_numpy()
    # Copies of a file are numbered by class and path, so that each is matched with the same copy in the other table.
    frame["copy"] = frame.sort_values([f"true{suffix}", f"path{suffix}"], kind="stable").groupby("content").cumcount()
    return frame


def _fates(images: pd.DataFrame) -> np.ndarray:
    right_a = (images["answer_a"] == images["true"]).to_numpy()
    right_b = (images["answer_b"] == images["true"]).to_numpy()
    same = (images["answer_a"] == images["answer_b"]).to_numpy()
    conditions = [right_a & right_b, ~right_a & right_b, right_a & ~right_b, same]
    return np.select(conditions, [BOTH_RIGHT, FIXED, BROKEN, SAME], DIFFERENT).astype(object)


def _notes(
    a: Predictions,
    b: Predictions,
    missing: tuple[int, int],
    relabelled: int,
    n: int,
) -> list[str]:
    """Sentences on what limits the comparison. missing: images that only A, only B has scored; n: images that are compared."""
    notes, unshared = [], sorted(set(a.classes) ^ set(b.classes))
    if unshared:
        names = ", ".join(unshared[:4]) + (f" and {len(unshared) - 4:,} more" if len(unshared) > 4 else "")
        notes.append(
            f"The runs were trained on different classes: only one of them knows {names}. Predictions are compared by name."
        )
    for name, count in zip((a.source, b.source), missing, strict=True):
        if count and n:
            notes.append(f"{count_text(count, 'image')} that only {name} has scored {'is' if count == 1 else 'are'} left out.")
    if relabelled:
        are = "is" if relabelled == 1 else "are"
        notes.append(
            f"{count_text(relabelled, 'image has', 'images have')} a different true class in each run and {are} left out."
        )
    if not n:
        notes.append("The runs share no scored images: only their scores can be compared.")
    return notes


def _cells(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """The distinct combinations of true class, prediction of A and prediction of B, (m, 3) class indices, and their counts (m,)."""
    index = {name: i for i, name in enumerate(comparison.classes)}
    triples = comparison.images[["true", "answer_a", "answer_b"]].map(index.__getitem__).to_numpy(np.int64)
    cells, counts = np.unique(triples.reshape(-1, 3), axis=0, return_counts=True)
    return cells, counts


def _by_class(comparison: Comparison, observed: dict[str, np.ndarray], limits: dict[str, np.ndarray]) -> pd.DataFrame:
    true, fates = comparison.images["true"].tolist(), comparison.images["fate"].tolist()
    counts, totals = collections.Counter(zip(true, fates, strict=True)), collections.Counter(true)
    columns: dict[str, Sequence[object] | np.ndarray] = {"class": comparison.classes}
    for fate in (FIXED, BROKEN):
        columns[fate] = [counts[name, fate] for name in comparison.classes]
    columns["n"] = [totals[name] for name in comparison.classes]
    for score in ("recall", "f1"):
        columns |= {f"{score}_a": observed[f"{score}_a"][0], f"{score}_b": observed[f"{score}_b"][0], score: observed[score][0]}
        columns |= {f"{score}_low": limits[score][0], f"{score}_high": limits[score][1]}
    frame = pd.DataFrame(columns)
    frame["p"] = [mcnemar(fixed, broken) for fixed, broken in zip(frame[FIXED], frame[BROKEN], strict=True)]
    frame["p_holm"] = holm(frame["p"].to_numpy(float))
    return frame
