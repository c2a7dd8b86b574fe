"""What a report says of a run: gathered once, for the page, the model card and the tables."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import read_json
from engine.data.datasets import Dataset, load_dataset
from engine.data.decoding import ImageError
from engine.data.thumbnails import THUMBNAIL, load_thumbnail
from engine.embeddings import dataset_index
from engine.evaluation import metrics, selective, slices, trust
from engine.evaluation.slices import SliceSearch
from engine.evaluation.trust import Evidence
from engine.runs.config import Config
from engine.runs.inactive_fields import inactive_fields
from engine.runs.run import Run

Report = Callable[[int, int], None]
MISTAKES = 36


@dataclass(frozen=True)
class ReportData:
    """`document`: `engine.evaluation.trust.document`; `pictures`: JPEG as data URIs by image id, of the worst mistakes; `slices`: None
    where the dataset is gone, `missing` then says why."""

    run: Run
    split: str
    of: Evidence
    document: dict[str, Any]
    matrix: np.ndarray
    slices: SliceSearch | None
    counts: pd.DataFrame
    environment: dict[str, Any]
    pictures: dict[int, str]
    missing: str = ""
    made: float = field(default_factory=time.time)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.run.classes)

    @property
    def mistakes(self) -> pd.DataFrame:
        """The wrong answers with the largest loss."""
        wrong = self.of.predictions[~self.of.right]
        return wrong.sort_values("loss", ascending=False, kind="stable").head(MISTAKES)

    @property
    def curve(self) -> pd.DataFrame:
        return selective.risk_coverage(self.of.confidence, self.of.right)

    @property
    def settings(self) -> list[tuple[str, str, bool]]:
        """The configuration: field, value, and whether it differs from the default; fields that do nothing in this run are left out."""
        config, usual = self.run.config.to_dict(), Config().to_dict()
        idle = inactive_fields(config)
        return [(name, str(value), value != usual[name]) for name, value in config.items() if name not in idle]


def gather_data(run: Run, split: str, report: Report = lambda done, total: None) -> ReportData:
    """Raises UserError where the run has no whole prediction table of the split."""
    steps = 3 + MISTAKES
    report(0, steps)
    of, data, missing = trust.load_evidence(run, split), None, ""
    try:
        data = load_dataset(run.config.dataset)
    except UserError as error:
        missing = f"{error.message} What needs the catalog is left out: slices, copies, pictures."
    near = trust.near_copies(of, data.catalog.columns(), dataset_index.index(data)) if data else None
    document = trust.document(of, near)
    report(1, steps)
    result = _slices(of, data)
    report(2, steps)
    counts = data.catalog.counts() if data else pd.DataFrame(columns=["class", "split", "n"])
    matrix, environment = metrics.confusion(of.predictions, len(run.classes)), read_json(run.path / "environment.json", {})
    facts = ReportData(run, split, of, document, matrix, result, counts, environment, {}, missing)
    pictures = _pictures(data, facts.mistakes, lambda done: report(2 + done, steps)) if data else {}
    report(steps, steps)
    return ReportData(run, split, of, document, matrix, result, counts, environment, pictures, missing, facts.made)


def _slices(of: Evidence, data: Dataset | None) -> SliceSearch | None:
    try:
        return (
            slices.find_worst_slices(slices.match_catalog(data.catalog.columns(), of.predictions), of.run.classes)
            if data
            else None
        )
    except UserError:
        return None


def _pictures(data: Dataset, rows: pd.DataFrame, report: Callable[[int], None]) -> dict[int, str]:
    """Those that are as they were scored, and can be read."""
    known, result = data.catalog.rows(rows["image_id"].tolist()), {}
    for done, row in enumerate(rows.itertuples()):
        image = known.get(row.image_id)
        report(done)
        if image is None or image.hash != row.content:
            continue
        try:
            content = load_thumbnail(image, data.root, THUMBNAIL)
        except ImageError:
            continue
        result[row.image_id] = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    return result
