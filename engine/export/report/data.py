"""What a report says about a run: gathered once, for the page, the model card and the tables."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import read_json
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.datasets import Dataset, load_dataset
from engine.data.decoding import ImageError
from engine.data.thumbnails import THUMBNAIL, load_thumbnail
from engine.embeddings import dataset_index
from engine.evaluation import metrics, selective, slices, trust
from engine.evaluation.slices import SliceSearch
from engine.evaluation.trust import Evidence
from engine.evaluation.trust_document import TrustDocument, trust_document
from engine.runs.config import Config
from engine.runs.inactive_fields import inactive_fields
from engine.runs.run import Run

MOST_ERRORS = 36  # images in the gallery
_PAIRS = 12  # of confused classes


@dataclass(frozen=True)
class ReportData:
    """A run's evaluation on one split.

    `document`: `engine.evaluation.trust_document`. `thumbnails`: the worst errors by image id, as data URIs of JPEGs. `slices`: None
    where the dataset is gone or has changed. `missing`: what the report lacks because the dataset is gone, as a sentence; else empty.
    """

    run: Run
    split: str
    evidence: Evidence
    document: TrustDocument
    matrix: np.ndarray
    slices: SliceSearch | None
    counts: pd.DataFrame
    environment: dict[str, Any]
    thumbnails: dict[int, str]
    missing: str
    created: float

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.run.classes)

    @property
    def errors(self) -> pd.DataFrame:
        """The wrong predictions with the largest loss."""
        return _worst_errors(self.evidence)

    @property
    def curve(self) -> pd.DataFrame:
        """The risk-coverage curve."""
        return selective.risk_coverage(self.evidence.confidence, self.evidence.right)

    @property
    def curve_floor(self) -> float:
        """The lowest accuracy that the chart of the curve shows."""
        # The first images are the most certain ones: a single error among them must not stretch the axis.
        return max(0.0, float(self.curve.loc[self.curve["coverage"] > 0.02, "accuracy"].min()) - 0.02)

    @property
    def curve_points(self) -> list[tuple[float, float]]:
        """Coverage and accuracy for the chart: about 200 points, because a curve of 100,000 images would be megabytes of text."""
        curve = self.curve.iloc[np.unique(np.linspace(0, len(self.curve) - 1, 200).astype(int))]
        return list(zip(curve["coverage"], curve["accuracy"].clip(lower=self.curve_floor), strict=True))

    @property
    def confused_pairs(self) -> pd.DataFrame:
        """The pairs of classes with the most errors."""
        return metrics.confused_pairs(self.matrix, self.classes).head(_PAIRS)

    @property
    def weakest_classes(self) -> pd.DataFrame:
        """The rows of the classes, those with the lowest F1 first."""
        return pd.DataFrame(self.document["per_class"]).sort_values("f1", kind="stable", na_position="last")

    @property
    def class_counts(self) -> pd.DataFrame:
        """Images by class and split."""
        counts = self.counts[self.counts["class"].notna()]
        return counts.pivot_table(index="class", columns="split", values="n", aggfunc="sum", fill_value=0)

    @property
    def settings(self) -> list[tuple[str, str, bool]]:
        """The configuration: field, value, and whether it differs from the default; without the fields that have no effect in this run."""
        config, usual = self.run.config.to_dict(), Config().to_dict()
        idle = inactive_fields(config)
        return [(name, str(value), value != usual[name]) for name, value in config.items() if name not in idle]


def gather_data(run: Run, split: str, report: ReportProgress = ignore_progress) -> ReportData:
    """The data of a report. Raises UserError where the run has no complete prediction table of the split."""

    def begin_step(number: int) -> None:
        report(Progress("collecting figures" if number < 3 else "collecting images", number, 3 + MOST_ERRORS))

    begin_step(0)
    evidence, data, missing = trust.load_evidence(run, split), None, ""
    try:
        data = load_dataset(run.config.dataset)
    except UserError as error:
        missing = f"{error.message} Slices, near-duplicates and images are therefore missing from this report."
    near = trust.near_copies(evidence, data.catalog.columns(), dataset_index.load_index(data)) if data else None
    document = trust_document(evidence, near)
    begin_step(1)
    worst_slices = _find_slices(evidence, data) if data else None
    begin_step(2)
    thumbnails = _load_thumbnails(data, _worst_errors(evidence), lambda done: begin_step(2 + done)) if data else {}
    begin_step(3 + MOST_ERRORS)
    return ReportData(
        run=run,
        split=split,
        evidence=evidence,
        document=document,
        matrix=metrics.confusion(evidence.predictions.table, len(run.classes)),
        slices=worst_slices,
        counts=data.catalog.counts() if data else pd.DataFrame(columns=["class", "split", "n"]),
        environment=read_json(run.path / "environment.json", {}),
        thumbnails=thumbnails,
        missing=missing,
        created=time.time(),
    )


def _worst_errors(evidence: Evidence) -> pd.DataFrame:
    wrong = evidence.predictions.table[~evidence.right]
    return wrong.sort_values("loss", ascending=False, kind="stable").head(MOST_ERRORS)


def _find_slices(evidence: Evidence, data: Dataset) -> SliceSearch | None:
    try:
        return slices.find_worst_slices(slices.match_catalog(data.catalog.columns(), evidence.predictions), evidence.run.classes)
    except UserError:
        return None


def _load_thumbnails(data: Dataset, errors: pd.DataFrame, report: Callable[[int], None]) -> dict[int, str]:
    """Data URIs by image id, of the images that are as they were when they were scored and can be read."""
    # An image that has changed since it was scored would be shown with a prediction for another one.
    known, thumbnails = data.catalog.rows(errors["image_id"].tolist()), {}
    for done, (image_id, content) in enumerate(zip(errors["image_id"].tolist(), errors["content"], strict=True)):
        image = known.get(image_id)
        report(done)
        if image is None or image.hash != content:
            continue
        try:
            jpeg = load_thumbnail(image, data.root, THUMBNAIL)
        except ImageError:
            continue
        thumbnails[image_id] = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return thumbnails
