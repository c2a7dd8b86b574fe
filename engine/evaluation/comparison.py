"""Two runs on the same images: whether they differ, in which classes, and which images one fixes and breaks.

A is the one that is compared with, B the newer one: a difference is B's score less A's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from engine.core.number_text import count_text, points
from engine.data.drift import ALPHA, holm
from engine.evaluation.metrics import BOOTSTRAPS, LEVEL, Estimate

BOTH_RIGHT, FIXED, BROKEN, SAME, DIFFERENT = "both right", "fixed", "broken", "both wrong, alike", "both wrong, differently"
FATES = (FIXED, BROKEN, DIFFERENT, SAME, BOTH_RIGHT)
_BUDGET = 20_000_000  # resampled cells in memory


@dataclass(frozen=True)
class Comparison:
    """The images that both runs have scored, a row each, and what could not be compared.

    `images`: columns content, image_id_a, image_id_b, path (of B), true, answer_a, answer_b (names), confidence_a, confidence_b, fate (of
    FATES), row_a and row_b (places in the two tables). `classes`: all that either run knows. `only_a`, `only_b`: images that the other
    has not scored; `relabelled`: images with another true class in each, left out. `notes`: sentences on what limits the comparison.
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
        """Images of each fate."""
        result = self.images["fate"].value_counts()
        return {fate: int(result.get(fate, 0)) for fate in FATES}

    @property
    def mcnemar(self) -> float:
        """McNemar's exact test: the probability of numbers of fixed and broken images this unequal if neither run is better."""
        return mcnemar(self.counts[FIXED], self.counts[BROKEN])

    def with_fate(self, fate: str) -> pd.DataFrame:
        return self.images[self.images["fate"] == fate]


def compare(
    a: pd.DataFrame, b: pd.DataFrame, classes_a: Sequence[str], classes_b: Sequence[str], of: tuple[str, str] = ("A", "B")
) -> Comparison:
    """Prediction tables of two runs, matched by what is in the image, copies of a file in turn. `of`: how the runs are called.

    Classes go by name: where the runs do not know the same ones, an answer is right where its name is the true one.
    """
    first, second = _named(a, classes_a, "_a"), _named(b, classes_b, "_b")
    merged = first.merge(second, on=["content", "copy"], how="inner", suffixes=("", "_second"), sort=False)
    agreed = (merged["true_a"] == merged["true_b"]).to_numpy()
    images = merged[agreed].rename(columns={"true_a": "true", "path_b": "path"}).drop(columns=["true_b", "path_a", "copy"])
    images = images.assign(fate=_fates(images)).reset_index(drop=True)
    missing = len(a) - len(merged), len(b) - len(merged)
    every = tuple(dict.fromkeys([*classes_a, *classes_b]))
    notes = _notes(of, classes_a, classes_b, missing, int((~agreed).sum()), len(images))
    return Comparison(images, every, *missing, int((~agreed).sum()), tuple(notes))


def mcnemar(fixed: int, broken: int) -> float:
    """The two-sided exact p-value: a binomial test of the images on which just one run is right (McNemar 1947)."""
    from scipy import stats

    return float(stats.binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0


@dataclass(frozen=True)
class Difference:
    """Scores of A, of B, and their difference with a 95% interval that is paired: both are measured on the same images."""

    accuracy: Estimate
    macro_f1: Estimate
    a: dict[str, float]
    b: dict[str, float]
    by_class: pd.DataFrame

    @property
    def macro_f1_classes(self) -> dict[str, int]:
        """As `engine.evaluation.metrics.macro_f1_classes`."""
        return {"scored": int((self.by_class["n"] > 0).sum()), "all": len(self.by_class)}

    def to_dict(self) -> dict:
        plain = {"accuracy": self.accuracy.to_dict(), "macro_f1": self.macro_f1.to_dict(), "a": self.a, "b": self.b}
        return plain | {"macro_f1_classes": self.macro_f1_classes, "by_class": self.by_class.to_dict("records")}


def measure_difference(comparison: Comparison, seed: int = 0) -> Difference:
    """How the scores differ, with percentile bootstrap intervals over images, each resample scored by both runs.

    by_class: columns class, n, recall_a, recall_b, recall (the difference) with recall_low and recall_high, f1_a, f1_b, f1, f1_low,
    f1_high, fixed, broken, p (McNemar's exact test within the class) and p_holm (Holm's correction over the classes).
    """
    cells, counts = _cells(comparison)
    scores = _Scores(cells, len(comparison.classes))
    observed = scores.compute(counts[None].astype(float))
    resampled = {name: [] for name in observed}
    rng, chunk = np.random.default_rng(seed), max(1, _BUDGET // max(len(counts), 1))
    draws = max(200, min(BOOTSTRAPS, 50 * chunk))
    for start in range(0, draws, chunk):
        drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=min(chunk, draws - start))
        for name, values in scores.compute(drawn.astype(float)).items():
            resampled[name].append(values)
    limits = {name: _limits(np.concatenate(values)) for name, values in resampled.items()}
    overall = {name: Estimate(float(observed[name][0]), *map(float, limits[name])) for name in ("accuracy", "macro_f1")}
    sides = [{name: float(observed[f"{name}_{side}"][0]) for name in ("accuracy", "macro_f1")} for side in "ab"]
    return Difference(**overall, a=sides[0], b=sides[1], by_class=_by_class(comparison, observed, limits))


def verdict(comparison: Comparison, found: Difference, of: tuple[str, str] = ("A", "B")) -> str:
    """What the comparison says, in a sentence or two. `of`: what the runs are called, shown as it is."""
    if not len(comparison):
        return f"{of[0]} and {of[1]} share no scored images: there is nothing to compare image by image."
    fixed, broken = comparison.counts[FIXED], comparison.counts[BROKEN]
    if fixed + broken == 0:
        return f"{of[1]} is right and wrong on the same images as {of[0]}: no difference on {len(comparison):,} images."
    said = f"{of[1]} fixes {fixed:,} of {of[0]}'s errors and breaks {broken:,}: {_points(found.accuracy)} of accuracy"
    p = comparison.mcnemar
    if p < ALPHA:
        better = of[1] if fixed > broken else of[0]
        return f"{said}. {better} is better, and not by chance on these images (p = {_p(p)})."
    return f"{said}, which may be chance (p = {_p(p)})."


def _points(gain: Estimate) -> str:
    return f"{points(gain.value)} points ({points(gain.low)} to {points(gain.high)})"


def _p(p: float) -> str:
    return f"{p:.2f}" if p >= 0.01 else f"{p:.4f}" if p >= 0.0001 else "below 0.0001"


def _named(predictions: pd.DataFrame, classes: Sequence[str], suffix: str) -> pd.DataFrame:
    names = np.array(classes, object)
    frame = pd.DataFrame(
        {
            "image_id": predictions["image_id"].to_numpy(),
            "path": predictions["path"].to_numpy(),
            "true": names[predictions["true"]],
            "answer": names[predictions["predicted"]],
            "confidence": predictions["confidence"].to_numpy(),
            "row": np.arange(len(predictions)),
        }
    ).add_suffix(suffix)
    frame["content"] = predictions["content"].to_numpy()
    # Copies of a file under several classes or names meet their like.
    frame["copy"] = frame.sort_values([f"true{suffix}", f"path{suffix}"], kind="stable").groupby("content").cumcount()
    return frame


def _fates(images: pd.DataFrame) -> np.ndarray:
    a, b, alike = (
        (images["answer_a"] == images["true"]).to_numpy(),
        (images["answer_b"] == images["true"]).to_numpy(),
        (images["answer_a"] == images["answer_b"]).to_numpy(),
    )
    return np.select([a & b, ~a & b, a & ~b, alike], [BOTH_RIGHT, FIXED, BROKEN, SAME], DIFFERENT).astype(object)


def _notes(
    of: tuple[str, str], classes_a: Sequence[str], classes_b: Sequence[str], missing: tuple[int, int], relabelled: int, n: int
) -> list[str]:
    notes, lost = [], set(classes_a) ^ set(classes_b)
    if lost:
        named = ", ".join(sorted(lost)[:4]) + (f" and {len(lost) - 4:,} more" if len(lost) > 4 else "")
        notes.append(f"The runs do not know the same classes: {named} only one of them. Answers are compared by name.")
    for name, count in zip(of, missing, strict=True):
        if count and n:
            notes.append(f"{count_text(count, 'image')} that only {name} has scored {'is' if count == 1 else 'are'} left out.")
    if relabelled:
        notes.append(
            f"{count_text(relabelled, 'image has', 'images have')} another true class in each run, and {'is' if relabelled == 1 else 'are'} left out."
        )
    if not n:
        notes.append("Their test images have not one in common: only the scores themselves can be set side by side.")
    return notes


def _cells(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """The different (true, answer of A, answer of B), (m, 3) class indices, and how many images are each, (m,)."""
    index = {name: place for place, name in enumerate(comparison.classes)}
    triples = comparison.images[["true", "answer_a", "answer_b"]].map(index.__getitem__).to_numpy(np.int64)
    return np.unique(triples.reshape(-1, 3), axis=0, return_counts=True)


class _Scores:
    """Scores of both runs from the numbers of images in each cell, for many resamples at once."""

    def __init__(self, cells: np.ndarray, classes: int) -> None:
        true, a, b = cells.T
        self.true = _indicator(true, np.ones(len(true), bool), classes)
        self.predicted = [_indicator(answer, np.ones(len(true), bool), classes) for answer in (a, b)]
        self.right = [_indicator(true, answer == true, classes) for answer in (a, b)]

    def compute(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """counts: (k, cells). Differences (B less A) and each side: accuracy, macro_f1 (k,), recall, f1 (k, classes); NaN where undefined."""
        support = counts @ self.true
        sides = []
        for right, predicted in zip(self.right, self.predicted, strict=True):
            hits, total = counts @ right, support + counts @ predicted
            # As `engine.evaluation.metrics` has it: a class without images has no F1, and is not in the macro mean.
            f1, recall = np.where(support > 0, _rate(2 * hits, total), np.nan), _rate(hits, support)
            scores = {"accuracy": hits.sum(axis=1) / counts.sum(axis=1), "macro_f1": np.nanmean(f1, axis=1)}
            sides.append(scores | {"recall": recall, "f1": f1})
        a, b = sides
        return {name: b[name] - a[name] for name in a} | {f"{n}_a": v for n, v in a.items()} | {f"{n}_b": v for n, v in b.items()}


def _indicator(places: np.ndarray, holds: np.ndarray, classes: int) -> "scipy.sparse.csr_matrix":  # noqa: F821
    """(cells, classes): 1 where the cell holds and is of the class."""
    from scipy import sparse

    rows = np.flatnonzero(holds)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, places[rows])), shape=(len(places), classes))


def _rate(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _limits(values: np.ndarray) -> np.ndarray:
    """Percentiles over the resamples in which a score is defined; NaN where it never is."""
    flat = values.reshape(len(values), -1)
    limits = np.full((2, flat.shape[1]), np.nan)
    defined = ~np.isnan(flat).all(axis=0)
    limits[:, defined] = np.nanquantile(flat[:, defined], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return limits.reshape(2, *values.shape[1:])


def _by_class(comparison: Comparison, observed: dict[str, np.ndarray], limits: dict[str, np.ndarray]) -> pd.DataFrame:
    grouped = comparison.images.groupby(["true", "fate"]).size()
    columns = {"class": list(comparison.classes)}
    for fate in (FIXED, BROKEN):
        columns[fate] = [int(grouped.get((name, fate), 0)) for name in comparison.classes]
    totals = comparison.images["true"].value_counts()
    columns["n"] = [int(totals.get(name, 0)) for name in comparison.classes]
    for score in ("recall", "f1"):
        columns |= {f"{score}_a": observed[f"{score}_a"][0], f"{score}_b": observed[f"{score}_b"][0], score: observed[score][0]}
        columns |= {f"{score}_low": limits[score][0], f"{score}_high": limits[score][1]}
    frame = pd.DataFrame(columns)
    frame["p"] = [mcnemar(fixed, broken) for fixed, broken in zip(frame[FIXED], frame[BROKEN], strict=True)]
    frame["p_holm"] = holm(frame["p"].to_numpy(float))
    return frame
