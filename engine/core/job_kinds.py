"""Every kind of background job: where its jobs live, the module of their process, and what people call it."""

from dataclasses import dataclass
from typing import Literal

KindName = Literal[
    "scan", "analysis", "map", "audit", "acquisition", "ood", "robustness", "export", "batch", "estimate", "lr-find"
]  # fmt: skip
Page = Literal["start", "explore", "train", "runs", "evaluate", "clean", "predict"]


@dataclass(frozen=True)
class JobKind:
    """`module`: `python -m module ARGUMENT` is the process of a job. `folders`: the pattern of its jobs' folders below the home.

    `page`: the page on which a job of this kind is started and watched.
    """

    title: str
    page: Page
    module: str
    folders: str


KINDS: dict[KindName, JobKind] = {
    "scan": JobKind("Adding images", "start", "engine.data.add_job", "data/.adding/*"),
    "analysis": JobKind("Analysis of images", "explore", "engine.data.analysis", "data/*/analysis"),
    "map": JobKind("Similarity map", "explore", "engine.embeddings.dataset_index", "cache/maps/*"),
    "audit": JobKind("Audit", "clean", "engine.curation", "data/*/audit"),
    "acquisition": JobKind("Choice of images to label", "clean", "engine.curation.acquisition", "data/*/worth"),
    "ood": JobKind("Out-of-distribution detector", "predict", "engine.inference.ood", "cache/novelty/job-*"),
    "robustness": JobKind("Robustness", "evaluate", "engine.evaluation.robustness.measurement", "runs/*/robustness/*"),
    "export": JobKind("Export", "runs", "engine.export.job", "runs/*/handed/*"),
    "batch": JobKind("Predictions", "predict", "engine.inference.batch.job", "batches/*/job"),
    "estimate": JobKind("Time estimate", "train", "engine.training.probe_job", "cache/estimate/*"),
    "lr-find": JobKind("Learning-rate search", "train", "engine.training.probe_job", "cache/lr-find/*"),
}
