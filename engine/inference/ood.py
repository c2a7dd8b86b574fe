"""Out-of-distribution score: how far an image is from a run's training images, and how unsure the head is of it.

The sum of two scores, each in standard deviations of the validation images, the second where it is above their mean: the cosine
distance to the k-th nearest training image as the run sees them (Sun, Ming, Zhu and Li 2022, "Out-of-distribution detection with deep
nearest neighbors"), and the energy of the logits (Liu, Wang, Owens and Li 2020, "Energy-based out-of-distribution detection"). 95% of the
validation images pass. All of it follows from the run and its dataset, and lies in `cache/novelty/`: a document a run, and the
features, which runs with the same ones share.
"""

import hashlib
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict, cast

import numpy as np

from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.core.jobs import Job
from engine.core.paths import cache_dir
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.columns import content_mark
from engine.data.datasets import load_dataset
from engine.embeddings import neighbours
from engine.embeddings.neighbours import Index
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    import pandas as pd

    from engine.evaluation.scoring import LabelledImages
    from engine.models.model import Model

ACCEPTED = 0.95  # of the validation images
# Validation images that a limit takes: of n images like the others, the farthest one is passed by one in n + 1, which is 5% from 19 on.
FEWEST = math.ceil(ACCEPTED / (1 - ACCEPTED) - 1e-9)
NEIGHBOURS = 10
_BANK = 20_000  # training images to compare with; of more, a random sample of this size


@dataclass(frozen=True)
class Scale:
    """The scale of out-of-distribution scores, fitted on the distances and energies of validation images."""

    means: tuple[float, float]
    deviations: tuple[float, float]
    median: float
    limit: float

    @classmethod
    def fit(cls, distances: np.ndarray, energies: np.ndarray) -> Self:
        both = np.stack([distances, energies])
        means, deviations = both.mean(axis=1), both.std(axis=1) + 1e-9  # identical images have no deviation
        plain = cls(tuple(means.tolist()), tuple(deviations.tolist()), 0.0, 1.0)
        median, limit = np.quantile(plain(distances, energies), [0.5, ACCEPTED])
        # Where all validation images are alike, any other image is above the limit.
        return replace(plain, median=float(median), limit=float(max(limit, median + 1e-6)))

    def document(self) -> "ScaleDocument":
        return {"means": self.means, "deviations": self.deviations, "median": self.median, "limit": self.limit}

    def __call__(self, distances: np.ndarray, energies: np.ndarray) -> np.ndarray:
        """(n,), (n,) -> (n,): 0 is the median validation image, 1 the limit that `ACCEPTED` of them keep."""
        far, uncertain = (np.stack([distances, energies]) - np.array(self.means)[:, None]) / np.array(self.deviations)[:, None]
        # Only an energy above the mean counts. A head may be very sure of an image that is far from all training images; this must not offset
        # its distance.
        return (far + np.maximum(uncertain, 0) - self.median) / (self.limit - self.median)


class ScaleDocument(TypedDict):
    """The fields of a `Scale`."""

    means: tuple[float, float]
    deviations: tuple[float, float]
    median: float
    limit: float


class DetectorDocument(TypedDict):
    """`cache/novelty/<run>.json`: the share of validation images that is `accepted`, numbers of `neighbours` and of images, the `scale`,
    the percentiles of the validation images' scores (`ranks`), the `checkpoint` it was fitted for and the name of its `index`."""

    accepted: float
    neighbours: int
    training: int
    validation: int
    scale: ScaleDocument
    ranks: list[float]
    checkpoint: str
    index: str


@dataclass(frozen=True)
class OodDetector:
    """The out-of-distribution detector of one run."""

    index: Index
    document: DetectorDocument

    @property
    def decides(self) -> bool:
        """Whether there were enough validation images for a limit that `ACCEPTED` of other images like them keep."""
        return self.document["validation"] >= FEWEST

    @property
    def reason(self) -> str:
        """Why out-of-distribution detection is unavailable; empty where it is available."""
        if self.decides:
            return ""
        return (
            f"Whether an image shows one of these scenes at all cannot be judged: this requires at least {FEWEST} validation images, and this run "
            f"has {self.document['validation']}."
        )

    def scores(self, features: np.ndarray, energies: np.ndarray) -> np.ndarray:
        """(n, features) and (n,) as `Model` gives them -> (n,): 0 as the median validation image, above 1 unlike nearly all."""
        distances = self.nearest(features, self.document["neighbours"])[1][:, -1]
        return Scale(**self.document["scale"])(distances, energies)

    def nearest(self, features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The training images nearest to each image: ids of the catalog (n, k) and cosine distances (n, k), ascending."""
        return neighbours.nearest(self.index, features, k)

    def percentile(self, score: float) -> float:
        """The share of the validation images that are less unusual, 0 to 1."""
        return min(1.0, float(np.searchsorted(self.document["ranks"], score)) / (len(self.document["ranks"]) - 1))


def document_file(run: Run) -> Path:
    """The file with the run's detector."""
    return cache_dir("novelty") / f"{run.id}.json"


def load_detector(run: Run) -> OodDetector | None:
    """The detector of the run's current model; None where it has not been fitted, or a part of it is missing."""
    document = read_json(document_file(run))
    if not isinstance(document, dict) or document.get("checkpoint") != run.checkpoint:
        return None
    index = neighbours.load_index(cache_dir("novelty") / document["index"])
    return OodDetector(index, cast(DetectorDocument, document)) if index is not None else None


def fit_detector(run: Run, model: "Model", report: ReportProgress = ignore_progress) -> OodDetector:
    """Fit the detector, from cached features where they exist, and save it.

    Raises UserError where the dataset has no images to compare with, and what `report` raises.
    """
    index = _bank(run, model, report)
    vectors, _ = split_features(run, model, "validation", report)
    k = min(NEIGHBOURS, len(index))
    measured = neighbours.nearest(index, vectors, k)[1][:, -1], model.energy_of(vectors)
    scale = Scale.fit(*measured)
    document: DetectorDocument = {
        "accepted": ACCEPTED, "neighbours": k, "training": len(index), "validation": len(vectors), "scale": scale.document(),
        "ranks": np.quantile(scale(*measured), np.linspace(0, 1, 101)).tolist(),
        "checkpoint": run.checkpoint, "index": index.file.parent.name,
    }  # fmt: skip
    write_json(document_file(run), document)
    return OodDetector(index, document)


def job(run: Run) -> Job:
    """The process that fits the detector in the background."""
    return Job("ood", cache_dir("novelty") / f"job-{run.id}", run.id, {"run": run.id})


def _bank(run: Run, model: "Model", report: ReportProgress) -> Index:
    """The index of the run's training images; read from the disk where it was saved before."""
    from engine.embeddings.extract import cache_key

    images = _images(run, "train")
    # A fixed seed: runs with the same features draw the same sample, and share one index.
    chosen = np.random.default_rng(0).permutation(len(images.frame))[:_BANK]
    frame = images.frame.iloc[chosen].sort_values("id")
    key = cache_key(model.trunk, model.preprocessing, model.compute)
    made_of = "\n".join([key, *(f"{row.id} {row.hash}" for row in frame.itertuples())])
    name = hashlib.blake2b(made_of.encode(), digest_size=10).hexdigest()
    folder = cache_dir("novelty") / name
    if (known := neighbours.load_index(folder)) is not None:
        return known
    vectors, frame = split_features(run, model, "train", report, set(frame["id"]))
    marks = np.array([content_mark(content) for content in frame["hash"]], np.uint64)
    return neighbours.write_index(folder, [(frame["id"].to_numpy(np.int64), marks, vectors)], {"digest": name, "key": key})


def split_features(
    run: Run,
    model: "Model",
    split: str,
    report: ReportProgress,
    ids: set[int] | None = None,
) -> tuple[np.ndarray, "pd.DataFrame"]:
    """Features of the readable images of a split (those of `ids`), by id, and their rows. Raises UserError where there are none."""
    from engine.evaluation.scoring import compute_features

    images = _images(run, split)
    order = np.argsort(images.frame["id"].to_numpy())
    wanted = order if ids is None else order[images.frame["id"].isin(ids).to_numpy()[order]]

    def report_split(progress: Progress) -> None:
        report(replace(progress, phase=f"extracting features of {split} images"))

    features = compute_features(model, images.take(wanted), True, report_split)
    if not len(features.vectors):
        raise UserError(f"No {split} image of {run.config.dataset} can be read.", "Put the files back, then try again.")
    return features.vectors, features.images.frame


def _images(run: Run, split: str) -> "LabelledImages":
    from engine.evaluation import scoring

    return scoring.split_images(load_dataset(run.config.dataset), split, run.classes)


def _compute(run_id: str, report: ReportProgress) -> None:
    from engine.models import model

    report(Progress("loading the model"))
    fit_detector(load_run(run_id), model.load_model(load_run(run_id).path), report)


if __name__ == "__main__":
    sys.exit(job(load_run(sys.argv[1])).run(lambda report: _compute(sys.argv[1], report)))
